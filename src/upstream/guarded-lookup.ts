// Looks host names up for connections, and refuses addresses where no provider may be: checked is what is connected to.
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { addressProblem, bareHost } from '../core/network-address.ts';
import { TransportError } from './upstream.ts';

function refusalOf(host: string, addresses: readonly string[], mayBePrivate: boolean): TransportError | undefined {
  for (const address of addresses) {
    const problem = addressProblem(host, address, mayBePrivate);
    if (problem !== undefined) return new TransportError('connection_failed', `the host ${problem}`);
  }
  return undefined;
}

/** The refusal of a host that is an IP address itself, which no lookup ever sees; undefined where it may be connected to. */
export function literalProblem(hostname: string, mayBePrivate: boolean): TransportError | undefined {
  const host = bareHost(hostname);
  return isIP(host) === 0 ? undefined : refusalOf(host, [host], mayBePrivate);
}

/**
 * A lookup for `net.connect`, which connects to the very addresses that it is given here: a name that leads elsewhere on
 * its second look gains nothing. One bad address among several is enough to refuse, for whoever answers chose them all.
 */
export function guardedLookup(mayBePrivate: boolean): LookupFunction {
  return (hostname, options: LookupOptions, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error: Error | null, found: LookupAddress[]) => {
      const [first] = found ?? [];
      const refusal =
        error ??
        refusalOf(
          hostname,
          found.map(({ address }) => address),
          mayBePrivate,
        );
      if (refusal !== undefined || first === undefined) callback(refusal ?? new Error('no address'), []);
      else if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}
