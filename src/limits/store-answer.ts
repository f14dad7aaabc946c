// Waits for what only a store can tell, but not for long.
import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../lib/clock.ts';

/** Long enough for a slow machine that has just started, and no hang where a store is away. */
const longestWaitMs = 1000;
const retryAfterMs = 1000;

/**
 * What the store says; throws `storage_unavailable` where it fails or takes too long. What is there already costs nothing.
 * `onLate` gets what is answered when nobody waits for it any more.
 */
export function answerOf<T>(clock: Clock, answer: T | Promise<T>, onLate?: (answer: T) => void): T | Promise<T> {
  return answer instanceof Promise ? withinTime(clock, answer, onLate) : answer;
}

async function withinTime<T>(clock: Clock, answer: Promise<T>, onLate?: (answer: T) => void): Promise<T> {
  let cancelTimer = (): void => {};
  const tooLate = new Promise<never>((_, reject) => {
    cancelTimer = clock.after(longestWaitMs, () => {
      reject(unavailable(undefined));
      if (onLate !== undefined) answer.then(onLate, () => undefined);
    });
  });
  try {
    return await Promise.race([answer, tooLate]);
  } catch (error) {
    throw error instanceof GatewayError ? error : unavailable(error);
  } finally {
    cancelTimer();
  }
}

function unavailable(cause: unknown): GatewayError {
  return new GatewayError(
    'storage_unavailable',
    'How much of its limits the client key has used cannot be found out at the moment, and they are not to be passed; try again.',
    { retryAfterMs, cause },
  );
}
