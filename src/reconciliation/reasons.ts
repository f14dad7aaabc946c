// Why our ledger and the provider's books may differ: the likely reasons of one line, the likeliest first.
import type { Line, Side } from './compare.ts';

/** A reason's name → what it says of `n` attempts. Sentences for the person who reads the comparison. */
export const reasonTable = {
  still_open: () => 'their books for this day may not be complete yet; compare again a day later',
  other_service: () =>
    'they bill this without tokens of completions or embeddings, which is all that the gateway carries',
  unknown_end: (n: number) => `the end of ${attempts(n)} of ours was never heard of, because the gateway was killed`,
  without_usage: (n: number) => `${attempts(n)} of ours got an answer that said nothing about tokens`,
  unanswered: (n: number) => `${attempts(n)} of ours failed after the request may have reached them`,
  day_border: (n: number) =>
    `${attempts(n)} of ours ran over midnight: they count a call when it is over, we when it begins`,
  not_through_gateway: (n: number) =>
    `${calls(n)} of theirs did not come through this gateway, or came through accounts that are not compared here`,
  not_in_their_books: (n: number) =>
    `${calls(n)} of ours are not in these books: an account may belong to another organization than the admin key`,
  estimated: (n: number) => `the tokens of ${attempts(n)} of ours were estimated, because the answer was cut`,
  cached_tokens: () => 'the tokens agree, but they count another share of them as cached',
  unpriced: (n: number) => `${attempts(n)} of ours have no price; add one (POST /api/v1/prices) and price them again`,
  price_changed: (n: number) =>
    `${attempts(n)} of ours were priced before a price was changed; price them again (POST /api/v1/prices/reprice)`,
  cost_not_booked: () =>
    'they have counted the tokens and not billed them: included in a plan or a credit, or still to come',
  price_differs: () => 'the tokens agree and the money does not: they charge another price than the one in our book',
  rounding: () => 'rounding: each call of ours is rounded to a nano-dollar',
  unexplained: () => 'nothing in our ledger explains it',
} as const satisfies Record<string, (n: number) => string>;

export type ReasonCode = keyof typeof reasonTable;

/** A likely reason, and how many attempts or calls it is about; 0 where it is about none in particular. */
export interface Reason {
  readonly code: ReasonCode;
  readonly count: number;
}

/** What the line itself does not say. */
export interface Circumstances {
  /** Whether the provider may still be writing this day. */
  readonly isOpen: boolean;
  /** Attempts of ours whose cost would be another by today's prices. */
  readonly repriceable: number;
}

/** The sentence of a reason. */
export function sentenceOf({ code, count }: Reason): string {
  return reasonTable[code](count);
}

/** Theirs less ours. The money is null where either side does not say. */
export function differenceOf({ ours, theirs }: Pick<Line, 'ours' | 'theirs'>): Side {
  return {
    requests: theirs.requests - ours.requests,
    inputTokens: theirs.inputTokens - ours.inputTokens,
    cachedTokens: theirs.cachedTokens - ours.cachedTokens,
    outputTokens: theirs.outputTokens - ours.outputTokens,
    nanoUsd: theirs.nanoUsd === null || ours.nanoUsd === null ? null : theirs.nanoUsd - ours.nanoUsd,
  };
}

/** Whether requests and tokens are the same on both sides, cached ones aside. */
export function isCountedAlike(line: Pick<Line, 'ours' | 'theirs'>): boolean {
  const { requests, inputTokens, outputTokens } = differenceOf(line);
  return requests === 0 && inputTokens === 0 && outputTokens === 0;
}

/** Whether what the two sides say about money is the same but for rounding. */
export function isPaidAlike(line: Pick<Line, 'ours' | 'theirs'>): boolean {
  const { ours, theirs } = line;
  return Math.abs((theirs.nanoUsd ?? 0) - (ours.nanoUsd ?? 0)) <= roundingNanoUsd(line);
}

/** A call is rounded to a nano-dollar, and a sum goes through a floating-point number on its way here. */
function roundingNanoUsd({ ours }: Pick<Line, 'ours'>): number {
  return ours.requests + 1000;
}

/** The likely reasons of a difference; none where there is no difference. */
export function reasonsOf(line: Line, { isOpen, repriceable }: Circumstances): Reason[] {
  if (!line.isCountedThere && line.ours.requests === 0 && line.theirs.nanoUsd !== null)
    return [{ code: 'other_service', count: 0 }];
  const reasons = [...reasonsOfCounts(line), ...reasonsOfMoney(line, repriceable)];
  if (reasons.length === 0) return [];
  if (reasons.every(({ code }) => code === 'rounding' || code === 'unpriced')) return reasons;
  const open: Reason[] = isOpen ? [{ code: 'still_open', count: 0 }] : [];
  // That their books are late explains what they lack, never what they have too much of.
  const theyLack = line.theirs.requests < line.ours.requests || line.theirs.nanoUsd === null;
  return theyLack ? [...open, ...reasons] : [...reasons, ...open];
}

function reasonsOfCounts(line: Line): Reason[] {
  const { evidence } = line;
  const { requests, cachedTokens } = differenceOf(line);
  if (isCountedAlike(line)) return cachedTokens === 0 ? [] : [{ code: 'cached_tokens', count: 0 }];
  const border = borderReason(line);
  if (border?.isWhole === true) return [border.reason];
  const reasons: Reason[] = border === undefined ? [] : [border.reason];
  if (requests > 0) {
    // Attempts that may have been billed without our knowing what for.
    const silent: Reason[] = [
      { code: 'unknown_end', count: evidence.unknownEnd },
      { code: 'without_usage', count: evidence.withoutUsage },
      { code: 'unanswered', count: evidence.unanswered },
    ];
    const known = silent.filter(({ count }) => count > 0);
    const left = requests - known.reduce((sum, { count }) => sum + count, 0) - (border?.reason.count ?? 0);
    const others: Reason[] = left > 0 ? [{ code: 'not_through_gateway', count: left }] : [];
    // What is certain comes before what is only possible.
    reasons.unshift(...others);
    reasons.push(...known);
  }
  if (requests < 0) reasons.push({ code: 'not_in_their_books', count: -requests });
  if (evidence.estimated > 0) reasons.push({ code: 'estimated', count: evidence.estimated });
  return reasons.length > 0 ? reasons : [{ code: 'unexplained', count: 0 }];
}

/** Calls over midnight: the whole reason where they make up the difference exactly. */
function borderReason(line: Line): { readonly reason: Reason; readonly isWhole: boolean } | undefined {
  const { leaving, arriving } = line.evidence;
  const { requests, inputTokens, outputTokens } = differenceOf(line);
  const count = leaving.requests + arriving.requests;
  if (count === 0) return undefined;
  const isWhole =
    requests === arriving.requests - leaving.requests &&
    inputTokens === arriving.inputTokens - leaving.inputTokens &&
    outputTokens === arriving.outputTokens - leaving.outputTokens;
  return { reason: { code: 'day_border', count }, isWhole };
}

function reasonsOfMoney(line: Line, repriceable: number): Reason[] {
  const { evidence, ours, theirs } = line;
  const reasons: Reason[] = evidence.unpriced > 0 ? [{ code: 'unpriced', count: evidence.unpriced }] : [];
  const repriced: Reason[] = repriceable > 0 ? [{ code: 'price_changed', count: repriceable }] : [];
  if (theirs.nanoUsd === null)
    return ours.nanoUsd === null || ours.nanoUsd === 0 ? reasons : [...reasons, { code: 'cost_not_booked', count: 0 }];
  if (isPaidAlike(line)) {
    const isExact = ours.nanoUsd === theirs.nanoUsd || ours.nanoUsd === null;
    return isExact ? reasons : [...reasons, { code: 'rounding', count: 0 }];
  }
  // Where the tokens differ, the money follows them.
  if (!isCountedAlike(line)) return [...reasons, ...repriced];
  reasons.push(...repriced);
  if (reasons.length > 0 || line.theirs.cachedTokens !== line.ours.cachedTokens) return reasons;
  return [{ code: 'price_differs', count: 0 }];
}

function attempts(n: number): string {
  return n === 1 ? '1 attempt' : `${n} attempts`;
}

function calls(n: number): string {
  return n === 1 ? '1 call' : `${n} calls`;
}
