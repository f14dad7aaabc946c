// What a process gives back that rests: its garbage, what its allocator has free, and the pages of its program.
import { trimAllocator } from './allocator.ts';
import { thisThread, type RestParts } from './collect-at-rest.ts';
import { releaseProgramPages } from './program-pages.ts';

/** The calling thread, which is the process's main thread, to be watched for the process as a whole. */
export const thisProcess: Omit<RestParts, 'clock'> = {
  ...thisThread,
  collect() {
    thisThread.collect();
    trimAllocator();
    releaseProgramPages();
  },
};
