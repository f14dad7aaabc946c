// What a request really took of its key's limits, from the record of its attempts.
import type { NanoUsd, PriceBook } from '../core/price.ts';
import type { AttemptRecord } from '../core/record.ts';
import type { Taken } from '../shared-state/limit-state.ts';

/** An attempt as far as its cost depends on it. */
export type PaidAttempt = Pick<
  AttemptRecord,
  | 'providerId'
  | 'model'
  | 'startedAtMs'
  | 'status'
  | 'mayHaveReachedUpstream'
  | 'usage'
  | 'serviceTier'
  | 'costNanoUsd'
  | 'reservedNanoUsd'
>;

/** What a finished attempt cost. Usage without a price counts with what was reserved; without usage nothing is known to be owed, as in the ledger. */
export function costOf(attempt: PaidAttempt, prices: PriceBook): NanoUsd {
  const { providerId, model, serviceTier, usage, startedAtMs: atMs } = attempt;
  if (attempt.costNanoUsd !== null) return attempt.costNanoUsd;
  if (usage === null) return 0;
  return prices.cost({ providerId, model, serviceTier, usage, atMs })?.nanoUsd ?? attempt.reservedNanoUsd ?? 0;
}

/** The same while the request goes on: what an attempt used may still be found out, unless it never arrived or was answered with an error. */
export function costSoFar(attempt: PaidAttempt, prices: PriceBook): NanoUsd {
  const { usage, status, mayHaveReachedUpstream } = attempt;
  const isError = status !== null && (status < 200 || status > 299);
  if (usage !== null || !mayHaveReachedUpstream || isError) return costOf(attempt, prices);
  return attempt.reservedNanoUsd ?? 0;
}

/** The sums over a request's attempts. */
export function takenBy(attempts: readonly PaidAttempt[], prices: PriceBook): Taken {
  let tokens = 0;
  let nanoUsd = 0;
  let countsAsRequest = false;
  for (const attempt of attempts) {
    countsAsRequest ||= attempt.mayHaveReachedUpstream;
    nanoUsd += costOf(attempt, prices);
    if (attempt.usage !== null) tokens += attempt.usage.prompt_tokens + attempt.usage.completion_tokens;
  }
  return { countsAsRequest, tokens, nanoUsd };
}
