// What a request holds of shared limits: a hold in memory whose money may have to be asked for.
import type { ClientKey } from '../../core/client-key.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Hold, Taken } from '../limit-state.ts';
import type { MemoryHold } from '../memory/memory-hold.ts';
import type { MoneyShare } from './money-share.ts';

/** Who has the key's money. */
export interface MoneyKeeper {
  /** Whether the budget has `more`, which then is to be held. */
  cover(key: ClientKey, money: MoneyShare, more: NanoUsd): boolean | Promise<boolean>;
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
    if (more === 0 || this.#money === undefined || this.#key.budgetMode !== 'enforce') return this.#raise(more);
    const isCovered = this.#keeper.cover(this.#key, this.#money, more);
    if (!(isCovered instanceof Promise)) return isCovered && this.#raise(more);
    return isCovered.then((is) => is && this.#raise(more));
  }

  release(): void {
    this.#hold.release();
    this.#keeper.onEnded();
  }

  settle(taken: Taken): void {
    this.#hold.settle(taken);
    this.#keeper.onEnded();
  }

  #raise(more: NanoUsd): boolean {
    this.#hold.raise(more);
    return true;
  }
}
