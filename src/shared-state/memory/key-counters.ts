// The counters of one key in this process's memory, and the holds of its requests under way.
import type { Budget, ClientKey } from '../../core/client-key.ts';
import type { Period } from '../../core/period.ts';
import type { Clock } from '../../lib/clock.ts';
import { Roster } from '../../lib/roster.ts';
import type { Decision, Demand, Obstacle, Standing, WindowStanding } from '../limit-state.ts';
import { isEnforced, obstaclesOf, type Counted, type Room } from './decide.ts';
import { MemoryHold, type HoldSource } from './memory-hold.ts';
import { Purse } from './purse.ts';
import { SlidingWindow, type WindowCount } from './sliding-window.ts';

/** A gateway alone reads what was spent from the ledger anew after a pause of this length. */
export const purseKeptMs = 3_600_000;

/** What is counted of one key. */
export class KeyCounters implements Counted, HoldSource {
  readonly clock: Clock;
  readonly window: SlidingWindow = new SlidingWindow();
  #inFlight = 0;
  #lastUsedMs: number;
  #purses: Purse[] = [];
  /** The budget that was asked by last, by the revision that it came with, and since when it is. */
  #budget: number | undefined;
  #budgetSeenAtMs = Infinity;
  readonly #holds = new Roster<MemoryHold>();
  /** Made when somebody first waits: most keys' money is never waited for. */
  #listeners: Set<() => void> | undefined;
  readonly #purseKeptMs: number;

  /** Purses are forgotten after so long a pause, and with their period. */
  constructor(clock: Clock, purseKeptForMs: number) {
    this.clock = clock;
    this.#purseKeptMs = purseKeptForMs;
    this.#lastUsedMs = clock.nowMs();
  }

  /** Requests that have a place. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether anybody waits for money. */
  get isAwaited(): boolean {
    return this.#listeners !== undefined && this.#listeners.size > 0;
  }

  /** Everything that the request needs, or nothing. `purse` is that of its period, and known; undefined without a budget. */
  reserve(key: ClientKey, demand: Demand, purse: Purse | undefined): Decision {
    const passed = this.obstacles(key, demand, purse, key);
    if (passed.some((obstacle) => isEnforced(key, obstacle))) {
      return { isAdmitted: false, obstacles: passed, money: purse?.money() ?? null };
    }
    return { isAdmitted: true, hold: this.take(key, demand, purse, passed), passed };
  }

  /** What stands against the request, where there is so much room. */
  obstacles(key: ClientKey, demand: Demand, purse: Purse | undefined, room: Room): readonly Obstacle[] {
    const nowMs = this.clock.nowMs();
    this.#lastUsedMs = nowMs;
    const found = obstaclesOf(key, demand, this, purse, room, nowMs);
    if (found.length === 0 || !this.#endExpired(nowMs)) return found;
    return obstaclesOf(key, demand, this, purse, room, nowMs);
  }

  /** Takes what the request needs, whatever stands against it; `passed` is what does. */
  take(key: ClientKey, demand: Demand, purse: Purse | undefined, passed: readonly Obstacle[]): MemoryHold {
    const hold = new MemoryHold(this, demand, purse, {
      // A request that only a watched limit speaks against takes nothing of it: the others fare as if it had been refused.
      countsInLimits: passed.every(({ limit }) => limit === 'budget'),
      amountNanoUsd: key.budget !== null && key.budgetMode === 'enforce' ? key.budget.amountNanoUsd : Infinity,
    });
    return this.#keep(hold);
  }

  standing(): Standing {
    const nowMs = this.clock.nowMs();
    return { requests: this.#standing('requests', nowMs), tokens: this.#standing('tokens', nowMs) };
  }

  /** The purse of the period. A new one is known from the start where nothing can have been spent before, and holds what running requests hold. */
  purse(period: Period, isKnown: boolean): Purse {
    for (const purse of this.#purses) {
      if (purse.period.startMs === period.startMs && purse.period.endMs === period.endMs) return purse;
    }
    this.#endExpired(this.clock.nowMs());
    const made = new Purse(period, isKnown);
    this.#holds.forEach((hold) => hold.join(made));
    this.#purses.push(made);
    return made;
  }

  /** Hears by which budget money is asked for. What was spent before it came may not have been booked here. */
  noteBudget({ inForceSince }: Budget): void {
    if (inForceSince === this.#budget) return;
    this.#budget = inForceSince;
    this.#budgetSeenAtMs = this.clock.nowMs();
    for (const purse of this.#purses) purse.doubt();
  }

  /** Whether all that is spent from that moment on has been booked here. */
  hasBookedSince(ms: number): boolean {
    return this.#budgetSeenAtMs < ms;
  }

  /** Calls back whenever money may have become free; the answer takes the listener back. */
  onFreed(listener: () => void): () => void {
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Forgets what nothing depends on any more; true where nothing is left. */
  tidy(): boolean {
    const nowMs = this.clock.nowMs();
    this.#endExpired(nowMs);
    if (this.#holds.size > 0 || this.isAwaited) return false;
    const isOld = nowMs - this.#lastUsedMs >= this.#purseKeptMs;
    this.#purses = this.#purses.filter(({ period }) => !isOld && nowMs < period.endMs);
    return (
      this.#purses.length === 0 && this.window.sum('requests', nowMs) === 0 && this.window.sum('tokens', nowMs) === 0
    );
  }

  onReleased(): void {
    this.#inFlight -= 1;
  }

  onDone(hold: MemoryHold): void {
    this.#holds.delete(hold);
  }

  onSettled(): void {
    if (this.#listeners !== undefined) for (const listener of this.#listeners) listener();
  }

  #standing(count: WindowCount, nowMs: number): WindowStanding {
    return { used: this.window.sum(count, nowMs), resetMs: this.window.emptyInMs(count, nowMs) };
  }

  #keep(hold: MemoryHold): MemoryHold {
    this.#holds.add(hold);
    if (hold.hasPlace) this.#inFlight += 1;
    return hold;
  }

  /** Ends the holds whose requests must be over; true where there were any. */
  #endExpired(nowMs: number): boolean {
    let found = false;
    this.#holds.forEach((hold) => {
      if (hold.demand.expiresAtMs > nowMs) return;
      hold.expire();
      found = true;
    });
    return found;
  }
}
