// This gateway's share of a budget in one period: money that it may spend or hold before it asks for more.
import type { Budget } from '../../core/client-key.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Money } from '../limit-state.ts';
import type { Purse } from '../memory/purse.ts';
import { Share, type Asking, type Needs } from './share.ts';
import type { MoneyGrant, MoneyWish } from './share-script.ts';
import { WrittenSpending } from './written-spending.ts';

/** Few, because what a killed gateway had in hand is lost to the budget until its spool is found. */
const secondsInHand = 1;
/** The ledger's word may be on its way to the store for so long, in ms: it is taken for older than it is. */
const onTheWayMs = 250;

/** The purse holds what all have spent, and what is held here. */
export class MoneyShare {
  readonly purse: Purse;
  readonly #share = new Share(secondsInHand);
  /** Spent here in all when the share was last asked for: from there on it counts against the share. */
  #askedOwn: NanoUsd;
  /** Spent here in all, as far as the others surely know. */
  #toldOwn: NanoUsd;
  #ledger: { readonly spentNanoUsd: NanoUsd; readonly ownNanoUsd: NanoUsd; readonly readAtMs: number } | undefined;
  readonly #written = new WrittenSpending();

  constructor(purse: Purse) {
    this.purse = purse;
    this.#askedOwn = purse.ownNanoUsd;
    this.#toldOwn = purse.ownNanoUsd;
  }

  /** Whether something has to be told or is held. */
  get isBusy(): boolean {
    return this.#toldOwn !== this.purse.ownNanoUsd || this.purse.money().reservedNanoUsd > 0;
  }

  /** How the budget stands: what other gateways have in hand is as good as held. */
  money(): Money {
    const { spentNanoUsd, reservedNanoUsd } = this.purse.money();
    return { spentNanoUsd, reservedNanoUsd: reservedNanoUsd + this.#share.others };
  }

  note(nanoUsd: NanoUsd, nowMs: number): void {
    this.#share.note(nanoUsd, nowMs);
  }

  /** What the purse may reach, spent and held, with what is in hand. */
  room(amountNanoUsd: NanoUsd): NanoUsd {
    return Math.min(this.#spentBefore() + this.#share.amount, amountNanoUsd);
  }

  /** The same with all that others do not hold. */
  obtainable(amountNanoUsd: NanoUsd): NanoUsd {
    return amountNanoUsd - this.#share.others;
  }

  /** The same without a word from the others: an equal part of what was left. */
  roomAlone(amountNanoUsd: NanoUsd, gateways: number): NanoUsd {
    const before = this.#spentBefore();
    return Math.max(this.room(amountNanoUsd), before + Math.floor(Math.max(amountNanoUsd - before, 0) / gateways));
  }

  mayGrow(amountNanoUsd: NanoUsd, need: NanoUsd, nowMs: number): boolean {
    const before = this.#spentBefore();
    const { spentNanoUsd, reservedNanoUsd } = this.purse.money();
    return this.#share.mayGrow(amountNanoUsd - before, spentNanoUsd + reservedNanoUsd - before, need, nowMs);
  }

  refuse(need: NanoUsd, nowMs: number): void {
    this.#share.refuse(need, nowMs);
  }

  /** What the ledger says, asked for at that time, when so much had been spent here: for the store that knows nothing. */
  rememberLedger(spentNanoUsd: NanoUsd, ownNanoUsd: NanoUsd, readAtMs: number): void {
    this.#ledger = { spentNanoUsd, ownNanoUsd, readAtMs };
  }

  /** So much of what was spent here is in the ledger, from now on. */
  noteWritten(ownNanoUsd: NanoUsd, nowMs: number): void {
    this.#written.note(ownNanoUsd, nowMs);
  }

  wish(budget: Budget | null, needs: Needs, asking: Asking): MoneyWish {
    const { nowMs } = asking;
    const { ownNanoUsd } = this.purse;
    const limit = budget?.amountNanoUsd ?? null;
    const inForceSince = budget?.inForceSince;
    // What was spent leaves the share: from now on it counts as spent.
    this.#share.amount = Math.max(this.#share.amount - (ownNanoUsd - this.#askedOwn), 0);
    this.#askedOwn = ownNanoUsd;
    const used = Math.max(this.purse.money().reservedNanoUsd, 0);
    const wish = this.#share.wish(limit, used, needs, asking);
    const ledger = this.#ledger && { ...this.#ledger, ageMs: nowMs - this.#ledger.readAtMs + onTheWayMs };
    return { ...wish, ownNanoUsd, toldNanoUsd: this.#toldOwn, ledger, inForceSince, written: this.#written.at(nowMs) };
  }

  /** Takes the answer to a wish; true where more has become free than was. */
  take(grant: MoneyGrant, { ownNanoUsd }: MoneyWish): boolean {
    const before = this.#share.others + this.#spentBefore();
    this.#toldOwn = ownNanoUsd;
    this.#ledger = undefined;
    this.#written.forget();
    this.purse.learn(grant.spentNanoUsd + this.purse.ownNanoUsd - ownNanoUsd);
    this.#share.take(grant);
    return this.#share.others + this.#spentBefore() < before;
  }

  /** What all had spent when the share was asked for. */
  #spentBefore(): NanoUsd {
    return this.purse.money().spentNanoUsd - (this.purse.ownNanoUsd - this.#askedOwn);
  }
}
