// Reads an answer that came in one piece: whether it is whole, what it used, whether it is an error in disguise.
import type { UsageReport } from '../core/usage.ts';
import { nameIs, skipSpace, walkObject } from '../lib/json-scan.ts';
import { readValue } from '../lib/json-value.ts';
import { utf8In } from '../lib/bytes.ts';

const openBrace = 0x7b;
const letterN = 0x6e;

/** What a whole answer says to the gateway. */
export interface WholeAnswer extends UsageReport {
  /** It is one JSON object from its first byte to its last. */
  readonly isWhole: boolean;
  /** It carries an `error` and nothing else: a failure under a 200. */
  readonly isError: boolean;
}

export function readWholeAnswer(body: Uint8Array): WholeAnswer {
  let rawUsage: string | undefined;
  let serviceTier: string | undefined;
  let hasError = false;
  let hasResult = false;
  const start = skipSpace(body, 0, body.length);
  const end = walkObject(body, start, body.length, (nameStart, nameEnd, valueStart, valueEnd) => {
    if (nameIs(body, nameStart, nameEnd, 'usage')) {
      if (body[valueStart] === openBrace) rawUsage = utf8In(body, valueStart, valueEnd);
    } else if (nameIs(body, nameStart, nameEnd, 'service_tier')) {
      const tier = readValue(body, valueStart, valueEnd);
      if (typeof tier === 'string') serviceTier = tier;
    } else if (nameIs(body, nameStart, nameEnd, 'error')) hasError = body[valueStart] !== letterN;
    else if (nameIs(body, nameStart, nameEnd, 'choices') || nameIs(body, nameStart, nameEnd, 'data')) hasResult = true;
  });
  const isWhole = end !== -1 && skipSpace(body, end, body.length) === body.length;
  return { isWhole, isError: isWhole && hasError && !hasResult, rawUsage, serviceTier };
}
