// Identify: who asks. While no client key exists only the own machine may, and a browser's foreign page may not.
import type { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';

/** Lets a request in or throws; the answer is the client key's id, null while none is needed. */
export function identify(
  exchange: Exchange,
  refuseStranger: (exchange: Exchange) => GatewayError | undefined,
): string | null {
  const refusal = refuseStranger(exchange);
  if (refusal !== undefined) throw refusal;
  return null;
}
