// Gives memory back when there is nothing to do: V8 collects because something is allocated, so whoever rests keeps all that the busiest minute took.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from './clock.ts';

type Collect = (options: { readonly type: string; readonly execution: string; readonly flavor: string }) => void;

/** Each takes about a millisecond, and rarely one of them fails. */
const mostBorrowings = 8;

/** When a thread is taken to rest. */
interface Pace {
  /** How long one look is from the next, in ms. */
  readonly lookEveryMs: number;
  /** Looks in a row that must have found rest. */
  readonly looks: number;
  /** Between two of them no more is used than this, in ms of processor time: timers, a health check. */
  readonly restCpuMs: number;
}

/** A thread is new until it has used so much processor time, in ms. */
const newForCpuMs = 3000;
/** The start leaves much behind, and next to no optimized code that could be lost: half a second suffices. */
const paceOfNew: Pace = { lookEveryMs: 250, looks: 2, restCpuMs: 5 };
/** From then on 40 s: what follows upon a collection is dearer for a second, even where specimens keep most optimized code. */
const paceOfOld: Pace = { lookEveryMs: 5000, looks: 8, restCpuMs: 60 };
/** Less is not worth the while, in bytes held beyond those that the last time left. */
const worthBytes = 8 << 20;

/** What is watched, and what is done about it. */
export interface RestParts {
  readonly clock: Clock;
  /** Processor time that the watched thread has used so far, in ms. */
  readonly cpuMs: () => number;
  /** Memory that it holds, whether it needs it or not, in bytes. */
  readonly heldBytes: () => number;
  readonly collect: () => void;
}

/** Collects in a rest where much is held since the last time; the answer ends the watch. */
export function collectAtRest({ clock, cpuMs, heldBytes, collect }: RestParts): () => void {
  let leftBytes = 0;
  let seenMs = cpuMs();
  let looks = 0;
  let pace = paceOfNew;
  let cancel = (): void => {};
  const look = (): void => {
    const nowMs = cpuMs();
    looks = nowMs - seenMs <= pace.restCpuMs ? looks + 1 : 0;
    seenMs = nowMs;
    if (looks >= pace.looks && heldBytes() - leftBytes >= worthBytes) {
      collect();
      leftBytes = heldBytes();
      seenMs = cpuMs();
    }
    if (pace === paceOfNew && seenMs > newForCpuMs) {
      pace = paceOfOld;
      looks = 0;
    }
    cancel = clock.after(pace.lookEveryMs, look);
  };
  cancel = clock.after(pace.lookEveryMs, look);
  return () => cancel();
}

/** The calling thread and its garbage, to be watched. */
export const thisThread: Omit<RestParts, 'clock'> = {
  cpuMs() {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  heldBytes() {
    const { total_physical_size: heapBytes, external_memory: externalBytes } = getHeapStatistics();
    return heapBytes + externalBytes;
  },
  collect: () => collectGarbage('last-resort'),
};

/**
 * Collects what the calling thread no longer needs, in some tens of ms during which the thread does nothing else. As a
 * last resort the young generation shrinks too, pages that are half empty are emptied, and the memory is given back.
 * Where other threads keep it from the collector, nothing is done.
 */
export function collectGarbage(flavor: 'regular' | 'last-resort'): void {
  const collect = borrowCollector();
  // Node's own objects of these kinds are to be found alive, so that the code which works on them is kept (specimens.ts).
  setImmediate(noop);
  setTimeout(noop, 1);
  process.nextTick(noop);
  collect?.({ type: 'major', execution: 'sync', flavor });
}

/**
 * V8 lends its collector only to code that is made while a flag is set, and flags are the whole process's: a thread that
 * collects at the same moment may take this one back before it was of use here.
 */
function borrowCollector(): Collect | undefined {
  for (let n = 0; n < mostBorrowings; n += 1) {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('globalThis.gc') as Collect | undefined;
    setFlagsFromString('--no-expose-gc');
    if (collect !== undefined) return collect;
  }
  return undefined;
}

function noop(): void {}
