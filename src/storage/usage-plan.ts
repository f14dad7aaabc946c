// Where the sums of a stretch of time are read: in the coarsest folds that fit, then in quarters of an hour, then in the ledger.
import type { Span } from '../lib/time-zone.ts';
import { quarterMs } from './usage-increments.ts';

/** A kind of fold: sums over `spanMs`, counted from the epoch, of the dimensions that it has. */
export interface FoldKind {
  readonly fold: number;
  readonly spanMs: number;
  readonly hasModel: boolean;
  readonly hasAccount: boolean;
  readonly hasKey: boolean;
  /** Every quarter of an hour before this is in it, whatever is written to that quarter later. */
  readonly untilMs: number;
}

/** A stretch of a bucket. */
export interface Piece extends Span {
  /** The beginning of the bucket that it belongs to. */
  readonly bucketMs: number;
}

/** A table and what of it is read. */
export interface Source {
  /** The number of a fold, or where what no fold covers is read. */
  readonly from: number | 'quarters' | 'ledger';
  readonly pieces: readonly Piece[];
}

/** The sources that together hold each moment of each bucket exactly once. `kinds` are those with the dimensions wanted. */
export function planUsage(buckets: readonly Span[], kinds: readonly FoldKind[]): Source[] {
  const levels: readonly Level[] = [
    ...kinds
      .map(({ fold, spanMs, untilMs }) => ({ from: fold, spanMs, untilMs }))
      .toSorted((a, b) => b.spanMs - a.spanMs),
    { from: 'quarters', spanMs: quarterMs, untilMs: Number.MAX_SAFE_INTEGER },
    { from: 'ledger', spanMs: 1, untilMs: Number.MAX_SAFE_INTEGER },
  ];
  const pieces = levels.map((): Piece[] => []);
  for (const bucket of buckets) cover(bucket, bucket.fromMs, levels, pieces);
  return levels.flatMap(({ from }, n) => {
    const found = pieces[n] ?? [];
    return found.length === 0 ? [] : [{ from, pieces: found }];
  });
}

interface Level {
  readonly from: Source['from'];
  readonly spanMs: number;
  readonly untilMs: number;
}

/** Gives the whole spans within `span` to the first level and what is left before and after them to the others. */
function cover(span: Span, bucketMs: number, [level, ...finer]: readonly Level[], pieces: Piece[][]): void {
  if (level === undefined || span.fromMs >= span.toMs) return;
  const { spanMs, untilMs } = level;
  const fromMs = Math.ceil(span.fromMs / spanMs) * spanMs;
  const toMs = Math.floor(Math.min(span.toMs, untilMs) / spanMs) * spanMs;
  if (fromMs >= toMs) return cover(span, bucketMs, finer, pieces);
  cover({ fromMs: span.fromMs, toMs: fromMs }, bucketMs, finer, pieces);
  pieces[pieces.length - finer.length - 1]?.push({ bucketMs, fromMs, toMs });
  cover({ fromMs: toMs, toMs: span.toMs }, bucketMs, finer, pieces);
}
