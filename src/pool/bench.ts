// A bench: the rest that an account, or one model on it, is given after a failure. Every bench ends by itself.
import type { FailureKind } from '../core/failure.ts';

/** A rest with its cause and its end, in ms since the epoch. */
export interface Bench {
  readonly kind: FailureKind;
  /** One sentence without secrets. */
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Benches of this kind in a row: each doubles the rest where the upstream names none. */
  readonly strikes: number;
}

/** The bench after a new failure: the later of two ends stays, and an earlier beginning too. */
export function nextBench(before: Bench | undefined, failed: Omit<Bench, 'strikes' | 'sinceMs'>, nowMs: number): Bench {
  const strikes = before?.kind === failed.kind ? before.strikes + 1 : 1;
  if (before === undefined || before.untilMs <= nowMs) return { ...failed, sinceMs: nowMs, strikes };
  const later = before.untilMs > failed.untilMs ? before : failed;
  return {
    ...failed,
    kind: later.kind,
    reason: later.reason,
    untilMs: later.untilMs,
    sinceMs: before.sinceMs,
    strikes,
  };
}

/** How long the bench lasts, in ms: what the upstream asked for, else doubling from the first rest to the longest. */
export function benchDurationMs(
  strikes: number,
  [first, longest]: readonly [number, number],
  retryAfterMs: number | undefined,
): number {
  return retryAfterMs ?? Math.min(first * 2 ** (strikes - 1), longest);
}
