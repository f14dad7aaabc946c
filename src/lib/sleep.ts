// Waits that a cancellation ends.
import type { Cancellation } from './cancellation.ts';
import type { Clock } from './clock.ts';

/** Waits `ms`, or until the cancellation; false where that came first. */
export function sleep<Reason>(clock: Clock, ms: number, cancellation: Cancellation<Reason>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancelTimer = clock.after(ms, () => {
      stopListening();
      resolve(true);
    });
    const stopListening = cancellation.onCancel(() => {
      cancelTimer();
      resolve(false);
    });
  });
}
