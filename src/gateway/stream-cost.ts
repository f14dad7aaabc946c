// Puts the cost into the usage chunk of a stream, for clients that ask for it: one more member at its end.

const closeBrace = 0x7d;

/** The header by which a client asks for the cost in its stream's usage chunk: `true`. */
export const asksCostHeader = 'x-aigateway-include-cost';

/** The event with `"aigateway":{"cost_usd":…}` as the last member of its object; null where the cost is not known. */
export function withCost(event: Uint8Array, costUsd: string | undefined): Uint8Array {
  const close = event.lastIndexOf(closeBrace);
  if (close === -1) return event;
  const member = `,"aigateway":{"cost_usd":${costUsd === undefined ? 'null' : `"${costUsd}"`}}`;
  return Buffer.concat([event.subarray(0, close), Buffer.from(member), event.subarray(close)]);
}
