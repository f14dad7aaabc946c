// What kind of place an IP address leads to, and whether a provider may be there.
import { BlockList, isIP, isIPv4 } from 'node:net';

/** Where an address leads. */
export type Place = 'internet' | 'this_machine' | 'private_network' | 'metadata_service';

type Subnet = readonly [address: string, bits: number];

/** Where clouds hand out a machine's own credentials: link-local ranges whole (AWS, Google, Azure, ECS, and most others), and the addresses that stand apart: Alibaba, Azure's wire server, Oracle, EC2 and GCE over IPv6. */
const metadataServices: readonly Subnet[] = [
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
  ['fe80::', 10],
  ['fd00:ec2::', 32],
  ['fd20:ce::254', 128],
];

/** RFC 1122 and 4291: loopback, and "this host", which Linux connects to itself. */
const thisMachine: readonly Subnet[] = [
  ['127.0.0.0', 8],
  ['0.0.0.0', 8],
  ['::1', 128],
  ['::', 128],
];

/**
 * RFC 1918, shared address space, IETF protocol assignments, multicast, reserved, unique local, site-local, a network's own
 * NAT64 (RFC 8215) and Teredo tunnels (RFC 4380), which lead to IPv4 addresses that only the translator knows for sure. Not
 * 198.18.0.0/15 (RFC 2544): proxies that answer every name with an address of their own take them from there.
 */
const privateNetworks: readonly Subnet[] = [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['192.0.0.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['fc00::', 7],
  ['fec0::', 10],
  ['ff00::', 8],
];

/** The most dangerous first: the first that fits decides. */
const places: readonly (readonly [Place, BlockList])[] = [
  ['metadata_service', listOf(metadataServices)],
  ['this_machine', listOf(thisMachine)],
  ['private_network', listOf(privateNetworks)],
];

/**
 * IPv4 subnets also where IPv6 embeds them: NAT64 (RFC 6052 and 8215), IPv4-translated (RFC 2765), 6to4 (RFC 3056) and
 * IPv4-compatible; mapped ones BlockList knows itself.
 */
function listOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of subnets) {
    if (!isIPv4(address)) {
      list.addSubnet(address, bits, 'ipv6');
      continue;
    }
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    list.addSubnet(address, bits, 'ipv4');
    for (const prefix of ['64:ff9b::', '64:ff9b:1::', '::ffff:0:', '::']) {
      list.addSubnet(prefix + address, 96 + bits, 'ipv6');
    }
    list.addSubnet(`2002:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}::`, 16 + bits, 'ipv6');
  }
  return list;
}

/** Where an IP address leads. A zone (`fe80::1%eth0`) does not matter. */
export function placeOf(address: string): Place {
  const [plain = ''] = address.split('%');
  const version = isIP(plain);
  // What is no address at all is nothing to connect to.
  if (version === 0) return 'private_network';
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return places.find(([, list]) => list.check(plain, family))?.[0] ?? 'internet';
}

/** A host as it stands in a URL, without brackets and the closing dot of a full name. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/gu, '').replace(/\.$/u, '');
}

/** Whether a host names this machine by its very text: no name server has a say in it. */
function namesThisMachine(host: string): boolean {
  return /^(?:.+\.)?localhost$/iu.test(host) || (isIP(host) !== 0 && placeOf(host) === 'this_machine');
}

/**
 * Why the provider at `host` may not be reached at `address`, as the end of a sentence that begins with the host;
 * undefined where it may. `mayBePrivate` is the administrator's leave for private networks.
 */
export function addressProblem(host: string, address: string, mayBePrivate: boolean): string | undefined {
  const place = placeOf(address);
  if (place === 'metadata_service') return 'leads to a cloud metadata service, and no provider is there';
  if (mayBePrivate || place === 'internet' || namesThisMachine(bareHost(host))) return undefined;
  const where = place === 'this_machine' ? 'to this machine' : 'into a private network';
  return `leads ${where}; set config.allow_private of the provider to true if that is meant`;
}
