// The counters of all client keys in this process's memory: for one gateway alone, and exact.
import type { ClientKey } from '../../core/client-key.ts';
import type { Period } from '../../core/period.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Decision, Demand, LimitState, Money, SpendingHistory, Standing } from '../limit-state.ts';
import { KeyCounters, purseKeptMs } from './key-counters.ts';
import type { Purse } from './purse.ts';

/** How often keys that nobody uses are looked for and forgotten. */
const tidyEveryMs = 60_000;

const nothing: Standing = { requests: { used: 0, resetMs: 0 }, tokens: { used: 0, resetMs: 0 } };

/** All counters, by key id: a change of a key's limits takes nothing of what was counted. */
export class MemoryLimitState implements LimitState {
  readonly #clock: Clock;
  readonly #history: SpendingHistory;
  readonly #keys = new Map<string, KeyCounters>();
  #tidiedAtMs: number;

  constructor(clock: Clock, history: SpendingHistory) {
    this.#clock = clock;
    this.#history = history;
    this.#tidiedAtMs = clock.nowMs();
  }

  /** Keys that something is remembered of. */
  get size(): number {
    return this.#keys.size;
  }

  reserve(key: ClientKey, demand: Demand): Decision | Promise<Decision> {
    this.#tidy();
    const counters = this.#countersOf(key.id);
    const { period } = demand;
    if (key.budget === null || period === null) return counters.reserve(key, demand, undefined);
    const purse = this.#purseOf(key, period);
    if (purse.isKnown) return counters.reserve(key, demand, purse);
    return this.#know(key.id, purse).then(() => this.reserve(key, demand));
  }

  money(key: ClientKey, period: Period): Money | Promise<Money> {
    const purse = this.#purseOf(key, period);
    return purse.isKnown ? purse.money() : this.#know(key.id, purse).then(() => purse.money());
  }

  standing(keyId: string): Standing {
    return this.#keys.get(keyId)?.standing() ?? nothing;
  }

  onFreed(keyId: string, listener: () => void): () => void {
    return this.#countersOf(keyId).onFreed(listener);
  }

  #purseOf({ id, budget }: ClientKey, period: Period): Purse {
    const counters = this.#countersOf(id);
    if (budget !== null) counters.noteBudget(budget);
    return counters.purse(period, counters.hasBookedSince(period.startMs));
  }

  #know(keyId: string, purse: Purse): Promise<void> {
    return purse.know(() => this.#history.spentSince(keyId, purse.period.startMs), this.#clock.nowMs());
  }

  #countersOf(keyId: string): KeyCounters {
    let counters = this.#keys.get(keyId);
    if (counters === undefined) {
      counters = new KeyCounters(this.#clock, purseKeptMs);
      this.#keys.set(keyId, counters);
    }
    return counters;
  }

  #tidy(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#tidiedAtMs < tidyEveryMs) return;
    this.#tidiedAtMs = nowMs;
    for (const [id, counters] of this.#keys) if (counters.tidy()) this.#keys.delete(id);
  }
}
