// Trims the allocator while a process grows: what optimizing a function or reading a large body has taken for a moment would stay in pieces for ever.
import type { Clock } from './clock.ts';

/** Soon enough that what the optimization of one function has freed serves the next. */
const lookEveryMs = 250;
/** Growth that is worth a trim, in bytes since the last one: who has grown to what it needs is left alone. */
const worthBytes = 8 << 20;

/** What is watched, and what is done about it. */
export interface GrowthParts {
  readonly clock: Clock;
  /** Memory of the process, as the operating system counts it; undefined where it does not say. */
  readonly residentBytes: () => number | undefined;
  readonly trim: () => void;
}

/** Trims as often as the process has grown by so much; the answer ends the watch. */
export function trimAsItGrows({ clock, residentBytes, trim }: GrowthParts): () => void {
  let leastBytes = residentBytes() ?? Infinity;
  let cancel = (): void => {};
  const look = (): void => {
    const bytes = residentBytes();
    if (bytes !== undefined) {
      const isWorthIt = bytes - leastBytes >= worthBytes;
      if (isWorthIt) trim();
      leastBytes = isWorthIt ? (residentBytes() ?? bytes) : Math.min(leastBytes, bytes);
    }
    cancel = clock.after(lookEveryMs, look);
  };
  cancel = clock.after(lookEveryMs, look);
  return () => cancel();
}
