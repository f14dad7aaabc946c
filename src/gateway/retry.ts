// What follows a failed attempt: pure decisions over the failure and how often it was tried.
import type { Failure } from '../core/failure.ts';

const firstBackoffMs = 500;
const longestBackoffMs = 8000;

/** Full jitter: anything from nothing to the doubling limit, so that clients that failed together do not return together. */
export function backoffMs(attempts: number, random: number): number {
  return random * Math.min(firstBackoffMs * 2 ** (attempts - 1), longestBackoffMs);
}

/** Whether another attempt may follow at all. */
export function mayRetry(failure: Failure, attempts: number, maxAttempts: number): boolean {
  return (failure.advice === 'next_account' || failure.advice === 'back_off') && attempts < maxAttempts;
}

/**
 * How long to wait before the next attempt, in ms. An account that has not been tried yet is asked at once where the
 * failure was the last account's own; one that has been tried gets the rest that it asked for.
 */
export function retryWaitMs(failure: Failure, attempts: number, isSameAccount: boolean, random: number): number {
  if (failure.advice === 'next_account' && !isSameAccount) return 0;
  return Math.max(isSameAccount ? (failure.retryAfterMs ?? 0) : 0, backoffMs(attempts, random));
}
