// The money of one key in one period of its budget: what is spent, and what is held for requests under way.
import type { Period } from '../../core/period.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Money } from '../limit-state.ts';

/** A reading that takes longer is taken for one that will not come. */
const patienceMs = 1000;

/** Spent and reserved money. */
export class Purse {
  readonly period: Period;
  #spent = 0;
  #reserved = 0;
  #own = 0;
  #isKnown: boolean;
  #reading: Promise<void> | undefined;
  #readingSinceMs = 0;

  /** `isKnown`: nothing was spent in the period before the purse was made. */
  constructor(period: Period, isKnown: boolean) {
    this.period = period;
    this.#isKnown = isKnown;
  }

  /** How it stands now. */
  money(): Money {
    return { spentNanoUsd: this.#spent, reservedNanoUsd: this.#reserved };
  }

  /** What was booked here, from the first on. */
  get ownNanoUsd(): NanoUsd {
    return this.#own;
  }

  /** Whether what was spent before is in it. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /**
   * Takes over what was spent before, once however often it is called. Rejects where that cannot be read, and may be
   * called again; who comes when the reading has taken long already is not kept waiting.
   */
  know(read: () => Promise<NanoUsd>, nowMs: number): Promise<void> {
    if (this.#reading === undefined) {
      this.#readingSinceMs = nowMs;
      this.#reading = this.#take(read).finally(() => {
        this.#reading = undefined;
      });
    } else if (nowMs - this.#readingSinceMs >= patienceMs) {
      return Promise.reject(new Error('what was spent cannot be read in time'));
    }
    return this.#reading;
  }

  async #take(read: () => Promise<NanoUsd>): Promise<void> {
    const ownBefore = this.#own;
    const before = await read();
    // What was settled meanwhile may be in it too: rather that than money that nobody counts.
    this.#spent = Math.max(before + this.#own - ownBefore, this.#spent);
    this.#isKnown = true;
  }

  /** Something may have been spent that was not booked here: it is to be taken over once more. */
  doubt(): void {
    this.#isKnown = false;
  }

  /** Somebody who knows tells what is spent in all. */
  learn(spentNanoUsd: NanoUsd): void {
    this.#spent = spentNanoUsd;
    this.#isKnown = true;
  }

  fits(nanoUsd: NanoUsd, amountNanoUsd: NanoUsd): boolean {
    return this.#spent + this.#reserved + nanoUsd <= amountNanoUsd;
  }

  /** Holds more, or with a negative amount less. */
  hold(nanoUsd: NanoUsd): void {
    this.#reserved += nanoUsd;
  }

  /** Books the cost in place of what was held. */
  spend(heldNanoUsd: NanoUsd, costNanoUsd: NanoUsd): void {
    this.#reserved -= heldNanoUsd;
    this.#spent += costNanoUsd;
    this.#own += costNanoUsd;
  }
}
