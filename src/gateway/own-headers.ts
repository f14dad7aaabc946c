// The gateway's own headers of an answer.
import { addKeyHeaders } from './reserve.ts';
import type { GatewayParts, Work } from './work.ts';

/** Says which attempt and which account an answer comes from, and how the key's own limits stand. */
export function gatewayHeaders(parts: Pick<GatewayParts, 'limiter'>, { exchange, record, key }: Work): string[] {
  const headers = ['x-aigateway-request-id', exchange.id, 'x-aigateway-attempts', String(record.attempts.length)];
  const last = record.attempts.at(-1);
  if (last !== undefined) headers.push('x-aigateway-provider', last.providerId, 'x-aigateway-account', last.accountId);
  addKeyHeaders(headers, parts, key);
  return headers;
}
