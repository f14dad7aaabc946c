// A bench: the rest that an account, or one model on it, is given after a failure. Every bench ends by itself.
import type { Failure, FailureKind } from '../core/failure.ts';

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

/** The bench, where it has not ended. */
export function activeBench(bench: Bench | undefined, nowMs: number): Bench | undefined {
  return bench !== undefined && bench.untilMs > nowMs ? bench : undefined;
}

/**
 * The bench after a failure, or the one before where the failure asks for none. The rest is what the upstream asked
 * for, else it doubles from the kind's first to its longest; of two ends the later one stays.
 */
export function benchAfter(before: Bench | undefined, failure: Failure, nowMs: number): Bench | undefined {
  const { benchMs, kind, message, retryAfterMs } = failure;
  if (benchMs === undefined) return before;
  const [first, longest] = benchMs;
  const active = activeBench(before, nowMs);
  // Answers to requests that left before the bench began are the same failure, not another one.
  const strikes = active !== undefined ? active.strikes : before?.kind === kind ? before.strikes + 1 : 1;
  const untilMs = nowMs + (retryAfterMs ?? Math.min(first * 2 ** (strikes - 1), longest));
  if (active === undefined) return { kind, reason: message, sinceMs: nowMs, untilMs, strikes };
  return active.untilMs >= untilMs ? active : { kind, reason: message, sinceMs: active.sinceMs, untilMs, strikes };
}
