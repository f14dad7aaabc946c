// What a process does so that it holds no more memory than it needs: at rest it collects and lets go, at work it trims.
import { allocatorTrim } from './allocator.ts';
import type { Clock } from './clock.ts';
import { collectAtRest, thisThread } from './collect-at-rest.ts';
import { releaseProgramPages } from './program-pages.ts';
import { trimAsItGrows } from './trim-as-it-grows.ts';

/** Tends the memory of the process whose main thread calls, for as long as it runs. */
export function tendMemory(clock: Clock): void {
  const trim = allocatorTrim();
  const collect = (): void => {
    thisThread.collect();
    trim();
    releaseProgramPages();
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
