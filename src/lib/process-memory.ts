// What a process does so that it holds no more memory than it needs: at rest it collects and lets go, at work it trims.
import { allocatorTrim } from './allocator.ts';
import type { Clock } from './clock.ts';
import { collectAtRest, thisThread } from './collect-at-rest.ts';
import { programPages } from './program-pages.ts';
import { trimAsItGrows } from './trim-as-it-grows.ts';
import { boundYoungGeneration, isYoungGenerationChosen, ownYoungGeneration } from './young-generation.ts';

/** The start of a load touches much of the program once: of 37 MiB that Node's file has then, 29 are touched again, in ms after a rest. */
const firstReleaseMs = 500;
/** By so much longer than the time before it is each time until the next. */
const backOff = 4;

/** Tends the memory of the process whose main thread calls, for as long as it runs. */
export function tendMemory(clock: Clock): void {
  const trimAllocator = allocatorTrim();
  const pages = programPages();
  let waitMs = firstReleaseMs;
  let dueMs = 0;
  const collect = (): void => {
    thisThread.collect();
    trimAllocator();
    pages.release();
    waitMs = firstReleaseMs;
    dueMs = 0;
  };
  const trim = (): void => {
    trimAllocator();
    if (clock.nowMs() < dueMs) return;
    pages.releaseAgain();
    dueMs = clock.nowMs() + waitMs;
    waitMs *= backOff;
  };
  collectAtRest({ clock, ...thisThread, collect });
  trimAsItGrows({ clock, residentBytes, trim });
}

/** Linux tells it in a file: who may open no more files is not told, and that must end no process. */
function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/** Tends what requests take, too, from the moment that there are some; the answer ends that. */
export function tendRequests(clock: Clock, underWay: () => number): () => void {
  if (isYoungGenerationChosen([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''])) return () => {};
  return boundYoungGeneration({ clock, underWay, ...ownYoungGeneration });
}
