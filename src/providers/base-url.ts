// Which addresses a provider may have: an administrator's typing error must not send keys to a machine's own metadata service.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** Hosts and addresses at which clouds hand out a machine's own credentials; never a provider. */
const metadataHosts = ['metadata.google.internal', 'metadata.goog', 'metadata', 'instance-data'];

function addressList(subnets: readonly (readonly [address: string, bits: number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of subnets) list.addSubnet(address, bits, isIPv4(address) ? 'ipv4' : 'ipv6');
  return list;
}

/** Link-local ranges whole (AWS, Google, Azure, ECS), and the addresses that stand apart: Alibaba, Azure's wire server, EC2 and GCE over IPv6. */
const metadataAddresses = addressList([
  ['169.254.0.0', 16],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
  ['fd20:ce::254', 128],
]);

/** RFC 1918, shared address space, unique local. Loopback is not among them: a provider on this machine is no surprise. */
const privateAddresses = addressList([
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
]);

function contains(list: BlockList, host: string): boolean {
  if (isIPv4(host)) return list.check(host, 'ipv4');
  return isIPv6(host) && list.check(host, 'ipv6');
}

/**
 * What is wrong with a `base_url`, as the end of a sentence that begins with its name; undefined where it can be used.
 * Looks at the text only: what a host name resolves to is the connection's concern.
 */
export function baseUrlProblem(text: string, mayBePrivate: boolean): string | undefined {
  const url = /^https?:\/\/[^\s\\]+$/iu.test(text) ? URL.parse(text) : null;
  if (url === null) return 'must be an http or https URL, such as "https://api.openai.com"';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (text.includes('?') || text.includes('#')) return 'must not hold a query or a fragment';
  // The URL parser has already brought every spelling of an IP address (decimal, octal, mapped) to one form.
  const host = url.hostname.replace(/^\[|\]$/gu, '').replace(/\.$/u, '');
  if (metadataHosts.includes(host) || contains(metadataAddresses, host)) {
    return 'must not be the address of a cloud metadata service';
  }
  if (!mayBePrivate && contains(privateAddresses, host)) {
    return 'is in a private network; set config.allow_private to true if that is meant';
  }
  return undefined;
}
