// Asks the database again and again what changed: at once where it tells by itself, and after a while where it does not.
import type { Clock } from '../lib/clock.ts';
import type { Storage } from '../storage/storage.ts';

/** How one hears of changes. */
export type ChangeNotices = Pick<Storage, 'pollEveryMs' | 'onChange'>;

/** Calls `ask` for ever, one call after the other; it answers whether the database did. The answer of this ends it. */
export function keepAsking(notices: ChangeNotices, clock: Clock, ask: () => Promise<boolean>): () => void {
  let isAsking = false;
  let isToldMeanwhile = false;
  let isStopped = false;
  let cancelTimer = (): void => {};

  const askOnce = async (): Promise<void> => {
    isAsking = true;
    isToldMeanwhile = false;
    const isAnswered = await ask();
    isAsking = false;
    if (isStopped) return;
    // A change that was told of meanwhile may not be in the answer.
    cancelTimer = clock.after(isToldMeanwhile && isAnswered ? 0 : notices.pollEveryMs, () => void askOnce());
  };
  const stopHearing = notices.onChange(() => {
    isToldMeanwhile = true;
    if (isAsking || isStopped) return;
    cancelTimer();
    void askOnce();
  });
  cancelTimer = clock.after(notices.pollEveryMs, () => void askOnce());
  return () => {
    isStopped = true;
    stopHearing();
    cancelTimer();
  };
}
