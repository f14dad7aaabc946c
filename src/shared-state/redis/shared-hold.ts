// What a request holds of shared limits: a hold in memory whose money may have to be asked for.
import type { ClientKey } from '../../core/client-key.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Hold, Taken } from '../limit-state.ts';
import type { MemoryHold } from '../memory/memory-hold.ts';
import type { MoneyShare } from './money-share.ts';

/** Who has the key's money. */
export interface MoneyKeeper {
  /** Whether the budget has `more`. Then `take` is called in the same breath: others may wait for the same money. */
  cover(key: ClientKey, money: MoneyShare, more: NanoUsd, take: () => void): boolean | Promise<boolean>;
  /** A request of the key is over. */
  onEnded(): void;
}

/** A hold among several gateways. */
export class SharedHold implements Hold {
  readonly #keeper: MoneyKeeper;
  readonly #key: ClientKey;
  readonly #hold: MemoryHold;
  readonly #money: MoneyShare | undefined;

  constructor(keeper: MoneyKeeper, key: ClientKey, hold: MemoryHold, money: MoneyShare | undefined) {
    this.#keeper = keeper;
    this.#key = key;
    this.#hold = hold;
    this.#money = money;
  }

  cover(nanoUsd: NanoUsd): boolean | Promise<boolean> {
    const more = this.#hold.missing(nanoUsd);
    const take = (): void => this.#hold.raise(more);
    if (more > 0 && this.#money !== undefined && this.#key.budgetMode === 'enforce')
      return this.#keeper.cover(this.#key, this.#money, more, take);
    take();
    return true;
  }

  release(): void {
    this.#hold.release();
    this.#keeper.onEnded();
  }

  settle(taken: Taken): void {
    this.#hold.settle(taken);
    this.#keeper.onEnded();
  }
}
