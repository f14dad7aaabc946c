// Keeps V8's young generation small while few requests are under way: it would grow to all it may have with any load that lasts, and keep that.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import type { Clock } from './clock.ts';

/** At full load it takes about twice as long from one size to the next. */
const lookEveryMs = 100;
/** What a collection must keep are the requests under way: with more of them than this it is to be worth its while. */
const fewUnderWay = 100;
/** Who holds more than this in both halves has halves of 8 MiB, for it grows twofold; from there on it grows no more, in bytes. */
const enoughBytes = 8 << 20;
/** By so much V8 lets it grow where nothing else is said. */
const usualFactor = 2;
/** The size that the launcher starts with; who has chosen another one keeps that. */
const ofLauncher = '--max-semi-space-size=16';

/** What is watched, and what is done about it. */
export interface YoungGenerationParts {
  readonly clock: Clock;
  /** Requests that wait for something, each with what it has so far. */
  readonly underWay: () => number;
  /** What the young generation holds, in bytes. */
  readonly youngBytes: () => number;
  /** By how much it grows when V8 finds it too small: 1 for not at all. */
  readonly setGrowthFactor: (factor: number) => void;
}

/** Lets it grow only as far as the requests need it; the answer ends that, and leaves V8 as it was. */
export function boundYoungGeneration({
  clock,
  underWay,
  youngBytes,
  setGrowthFactor,
}: YoungGenerationParts): () => void {
  let factor: number | undefined;
  const set = (wanted: number): void => {
    if (wanted !== factor) setGrowthFactor(wanted);
    factor = wanted;
  };
  let cancel: () => void;
  const look = (): void => {
    set(underWay() > fewUnderWay || youngBytes() <= enoughBytes ? usualFactor : 1);
    cancel = clock.after(lookEveryMs, look);
  };
  look();
  return () => {
    cancel();
    set(usualFactor);
  };
}

/** The young generation of the calling thread. The factor is the whole process's: other threads' are smaller by themselves. */
export const ownYoungGeneration: Pick<YoungGenerationParts, 'youngBytes' | 'setGrowthFactor'> = {
  youngBytes: () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0,
  setGrowthFactor: (factor) => setFlagsFromString(`--semi-space-growth-factor=${factor}`),
};

/** Whether who started this process has chosen a size for it. */
export function isYoungGenerationChosen(options: readonly string[]): boolean {
  return options.join(' ').replaceAll(ofLauncher, '').includes('semi-space');
}
