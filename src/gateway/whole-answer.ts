// Reads an answer that came in one piece: whether it is whole, what it used, whether it is an error in disguise.
import { readUsage, type TokenUsage } from '../core/usage.ts';
import { nameIs, readValue, skipSpace, walkObject } from '../lib/json-scan.ts';

const letterN = 0x6e;

/** What a whole answer says to the gateway. */
export interface WholeAnswer {
  /** It is one JSON object from its first byte to its last. */
  readonly isWhole: boolean;
  /** It carries an `error` and nothing else: a failure under a 200. */
  readonly isError: boolean;
  readonly usage: TokenUsage | undefined;
}

export function readWholeAnswer(body: Uint8Array): WholeAnswer {
  let usage: TokenUsage | undefined;
  let hasError = false;
  let hasResult = false;
  const start = skipSpace(body, 0, body.length);
  const end = walkObject(body, start, body.length, (nameStart, nameEnd, valueStart, valueEnd) => {
    if (nameIs(body, nameStart, nameEnd, 'usage')) usage = readUsage(readValue(body, valueStart, valueEnd));
    else if (nameIs(body, nameStart, nameEnd, 'error')) hasError = body[valueStart] !== letterN;
    else if (nameIs(body, nameStart, nameEnd, 'choices') || nameIs(body, nameStart, nameEnd, 'data')) hasResult = true;
  });
  const isWhole = end !== -1 && skipSpace(body, end, body.length) === body.length;
  return { isWhole, isError: isWhole && hasError && !hasResult, usage };
}
