// What one request holds of its key's counters: taken at once, corrected when the truth is known, released exactly once.
import type { NanoUsd } from '../../core/price.ts';
import type { Clock } from '../../lib/clock.ts';
import type { RosterMember } from '../../lib/roster.ts';
import type { Demand, Hold, Taken } from '../limit-state.ts';
import type { Purse } from './purse.ts';
import type { SlidingWindow, Slot } from './sliding-window.ts';

/** What a hold was taken from. */
export interface HoldSource {
  readonly clock: Clock;
  readonly window: SlidingWindow;
  /** The request's place is free. */
  onReleased(): void;
  /** Money may have become free. */
  onSettled(): void;
  /** Nothing is held any more. */
  onDone(hold: MemoryHold): void;
}

/** How much it takes. */
export interface HoldTerms {
  /** False: it takes nothing of requests, tokens and places, because they were only watched and passed. */
  readonly countsInLimits: boolean;
  /** What the budget allows in all; infinite where it is only watched. */
  readonly amountNanoUsd: NanoUsd;
}

/** A hold in memory. */
export class MemoryHold implements Hold, RosterMember {
  rosterPlace = -1;
  readonly demand: Demand;
  readonly #source: HoldSource;
  readonly #terms: HoldTerms;
  /** Undefined where it counts in no window. */
  readonly #slot: Slot | undefined;
  /** The purse of its period, then those that were made for another period while it ran. */
  readonly #purses: Purse[] = [];
  #tokens: number;
  #heldNanoUsd: NanoUsd = 0;
  #bookedNanoUsd: NanoUsd = 0;
  #isReleased = false;
  #isSettled = false;

  constructor(source: HoldSource, demand: Demand, purse: Purse | undefined, terms: HoldTerms) {
    this.demand = demand;
    this.#source = source;
    this.#terms = terms;
    this.#tokens = demand.tokens;
    this.#heldNanoUsd = demand.nanoUsd;
    if (terms.countsInLimits) {
      this.#slot = source.window.add(1, demand.tokens, source.clock.nowMs());
    } else {
      this.#isReleased = true;
    }
    if (purse !== undefined) this.join(purse);
  }

  /** Whether its request takes one of the key's places. */
  get hasPlace(): boolean {
    return !this.#isReleased;
  }

  /** Holds its money of this purse too. */
  join(purse: Purse): void {
    purse.hold(this.#heldNanoUsd);
    this.#purses.push(purse);
  }

  /** How much more than it holds that would be; nothing for a key without a budget. */
  missing(nanoUsd: NanoUsd): NanoUsd {
    return this.#purses.length === 0 ? 0 : Math.max(nanoUsd - this.#heldNanoUsd, 0);
  }

  cover(nanoUsd: NanoUsd): boolean {
    const more = this.missing(nanoUsd);
    const [purse] = this.#purses;
    if (more > 0 && purse?.fits(more, this.#terms.amountNanoUsd) === false) return false;
    this.raise(more);
    return true;
  }

  /** Holds so much more, whether the budget has it or not. */
  raise(more: NanoUsd): void {
    for (const one of this.#purses) one.hold(more);
    this.#heldNanoUsd += more;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#source.onReleased();
    this.#checkDone();
  }

  settle(taken: Taken): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#book(taken);
  }

  /** Nobody has settled it in time: what it held is taken, until the truth comes after all. */
  expire(): void {
    this.#book({ countsAsRequest: true, tokens: this.#tokens, nanoUsd: this.#heldNanoUsd });
    this.release();
    this.#source.onDone(this);
  }

  #book({ countsAsRequest, tokens, nanoUsd }: Taken): void {
    const { clock, window } = this.#source;
    if (this.#slot !== undefined)
      window.correct(this.#slot, countsAsRequest ? 0 : -1, tokens - this.#tokens, clock.nowMs());
    for (const purse of this.#purses) purse.spend(this.#heldNanoUsd, nanoUsd - this.#bookedNanoUsd);
    this.#tokens = tokens;
    this.#heldNanoUsd = 0;
    this.#bookedNanoUsd = nanoUsd;
    this.#source.onSettled();
    this.#checkDone();
  }

  #checkDone(): void {
    if (this.#isReleased && this.#isSettled) this.#source.onDone(this);
  }
}
