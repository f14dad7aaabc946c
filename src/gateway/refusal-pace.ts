// Refusal pace: a client key that is refused all the time is told so more slowly, so that its flood costs others nothing.
import { RecentMap } from '../lib/recent-map.ts';

/** So many refusals of one key are answered at once in a second; those beyond take their turn. */
const perSecond = 500;
/** Nobody waits longer than this for a refusal. */
const longestMs = 2000;
/** At most so many keys are remembered; at least the half of them that were refused last. */
const keysKept = 10_000;

/** A leaky bucket for each client key: a refusal fills it by one, and it empties evenly. */
export class RefusalPace {
  readonly #keys = new RecentMap<string, { readonly level: number; readonly atMs: number }>(keysKept);

  /** Counts a refusal of this key; how long its answer is to wait, ms. */
  delayOf(keyId: string, nowMs: number): number {
    const before = this.#keys.get(keyId);
    const drained = before === undefined ? 0 : ((nowMs - before.atMs) * perSecond) / 1000;
    // More than makes anyone wait longest is not counted: it would make the key wait long after its flood.
    const fullest = perSecond + (perSecond * longestMs) / 1000;
    const level = Math.min(Math.max((before?.level ?? 0) - drained, 0) + 1, fullest);
    this.#keys.set(keyId, { level, atMs: nowMs });
    return Math.max(0, Math.round(((level - perSecond) * 1000) / perSecond));
  }
}
