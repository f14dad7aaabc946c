// Who may ask while there is no client key: this machine alone.
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import { isLoopbackHost, judgeLocalCaller } from '../core/local-caller.ts';

/** The error that refuses a request without a client key at a gateway that listens on `host`; undefined where it is welcome. */
export function refuseStranger(host: string, exchange: Exchange): GatewayError | undefined {
  if (!isLoopbackHost(host)) {
    return new GatewayError(
      'invalid_client_key',
      'This gateway is reachable from elsewhere and has no client key yet, so it serves nobody; create one with POST /api/v1/keys.',
      { shouldRetry: false },
    );
  }
  const caller = {
    peer: exchange.peerAddress,
    host: exchange.header('host'),
    origin: exchange.header('origin'),
    fetchSite: exchange.header('sec-fetch-site'),
  };
  return judgeLocalCaller(caller, 'the gateway', 'client keys');
}
