// Reads on for clients that have gone, to learn what their answers used: a few at a time, and not for long.
import type { Clock } from '../lib/clock.ts';

const mostAtOnce = 32;
const longestMs = 60_000;

/** The places for answers that are read to their end although nobody waits for them. */
export interface Drainer {
  /** Takes a place, if there is one; `onTooLong` is called when it must be given up. */
  take(onTooLong: () => void): boolean;
  /** Gives a place back. */
  give(): void;
}

/** For `ON_CLIENT_DISCONNECT=cancel`: no places. */
export const noDrainer: Drainer = { take: () => false, give: () => {} };

/** For `ON_CLIENT_DISCONNECT=drain`. */
export function boundedDrainer(clock: Clock): Drainer {
  let taken = 0;
  return {
    take(onTooLong) {
      if (taken >= mostAtOnce) return false;
      taken += 1;
      clock.after(longestMs, onTooLong);
      return true;
    },
    give() {
      taken -= 1;
    },
  };
}
