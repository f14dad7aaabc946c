// What a thread besides the main one does so that it holds no more memory than it needs: at rest it collects everything, at work what grows old.
import type { Clock } from './clock.ts';
import { collectAsItGrows, oldObjectsOfThread } from './collect-as-it-grows.ts';
import { collectAtRest, thisThread } from './collect-at-rest.ts';

/** Tends the memory of the thread that calls, for as long as it runs. */
export function tendThreadMemory(clock: Clock): void {
  collectAtRest({ clock, ...thisThread });
  collectAsItGrows({ clock, ...oldObjectsOfThread });
}
