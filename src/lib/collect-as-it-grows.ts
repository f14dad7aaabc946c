// Collects a busy thread's old objects before V8 would: it lets the smallest heap grow to a multiple, and every thread has a heap of its own.
import { getHeapSpaceStatistics } from 'node:v8';
import type { Clock } from './clock.ts';
import { collectGarbage } from './collect-at-rest.ts';

/** A look costs microseconds; a collection that follows upon each of them would be a few thousandths of a processor. */
const lookEveryMs = 5000;
/** Growth that is worth a collection: so much, in bytes, and this share of what the last one left. */
const worthBytes = 2 << 20;
const worthShare = 0.1;

/** What is watched, and what is done about it. */
export interface HeapGrowthParts {
  readonly clock: Clock;
  /** What stands among the old objects, whether it is needed or not, in bytes. */
  readonly oldBytes: () => number;
  readonly collect: () => void;
}

/** Collects as often as the old objects have grown by so much; the answer ends the watch. */
export function collectAsItGrows({ clock, oldBytes, collect }: HeapGrowthParts): () => void {
  let leftBytes = oldBytes();
  let cancel = (): void => {};
  const look = (): void => {
    const bytes = oldBytes();
    if (bytes - leftBytes >= Math.max(worthBytes, leftBytes * worthShare)) {
      collect();
      leftBytes = oldBytes();
    } else {
      // V8 has collected by itself.
      leftBytes = Math.min(leftBytes, bytes);
    }
    cancel = clock.after(lookEveryMs, look);
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}

/** The calling thread and its old objects, to be watched. */
export const oldObjectsOfThread: Omit<HeapGrowthParts, 'clock'> = {
  oldBytes: () =>
    getHeapSpaceStatistics().reduce(
      (sum, { space_name: name, space_used_size: bytes }) => sum + (name.startsWith('new_') ? 0 : bytes),
      0,
    ),
  // The young generation keeps its size: the thread is at work.
  collect: () => collectGarbage('regular'),
};
