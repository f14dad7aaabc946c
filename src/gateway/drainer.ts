// Reads on for clients that have gone, to learn what their answers used: a few at a time, and not for long.
import type { Clock } from '../lib/clock.ts';

const mostAtOnce = 32;
const longestMs = 60_000;

/** The places for answers that are read to their end although nobody waits for them. */
export interface Drainer {
  /** Takes a place; the answer gives it back. Undefined where none is free. `onEnd` is called when it must be given up. */
  take(onEnd: () => void): (() => void) | undefined;
  /** Every place must be given up now, and none is free any more. */
  close(): void;
}

/** For `ON_CLIENT_DISCONNECT=cancel`: no places. */
export const noDrainer: Drainer = { take: () => undefined, close: () => {} };

/** For `ON_CLIENT_DISCONNECT=drain`. */
export function boundedDrainer(clock: Clock): Drainer {
  const taken = new Set<() => void>();
  let isClosed = false;
  return {
    take(onEnd) {
      if (isClosed || taken.size >= mostAtOnce) return undefined;
      taken.add(onEnd);
      const cancelTimer = clock.after(longestMs, onEnd);
      return () => {
        cancelTimer();
        taken.delete(onEnd);
      };
    },
    close() {
      isClosed = true;
      for (const onEnd of taken) onEnd();
    },
  };
}
