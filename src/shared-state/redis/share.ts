// This gateway's share of one limit of a key, as far as it knows: what it may use, what others have, and whether asking for more is of use.
import { DemandRate } from './demand-rate.ts';
import type { Grant, Wish } from './share-script.ts';

/** What is kept in hand of the latest demand, in seconds: for a few requests, and where others go short. */
const secondsForFew = 5;
const few = 10;
const secondsWhenContested = 0.5;
/** A store that is back is asked for nothing new for a second and a half, and told what was used a moment later. */
const secondsAlone = 2;
/** After a refusal nobody asks for as much again for so long. */
const askAgainMs = 250;
/** A gateway that has more than its part while others go short gives up so much of it with each renewal. */
const keptOfExcess = 0.98;

/** What those want who wait for an answer. */
export interface Needs {
  readonly all: number;
  readonly least: number;
}

/** When and how it is asked. */
export interface Asking {
  readonly nowMs: number;
  /** Nothing was asked for lately, so nothing is kept in hand. */
  readonly isIdle: boolean;
  /** Another gateway goes short. */
  readonly isContested: boolean;
  /** The store has just come back: the others may not have told yet what they hold, so nothing that seems free is asked for. */
  readonly isAlone: boolean;
}

/** A share. */
export class Share {
  /** What may be used here in all. */
  amount = 0;
  /** What the others have. */
  others = 0;
  readonly #seconds: number;
  readonly #rate = new DemandRate();
  #latest = 0;
  #cap = Infinity;
  #refused = { need: Infinity, atMs: -Infinity };

  /** `secondsInHand`: so much of the latest demand is kept in hand where there is enough for all; for a few requests more. */
  constructor(secondsInHand: number) {
    this.#seconds = secondsInHand;
  }

  /** Demand, whether it is met or not. */
  note(amount: number, nowMs: number): void {
    this.#latest = amount;
    this.#rate.add(amount, nowMs);
  }

  /** What may be needed while the store, which is just back, is not asked for more. */
  soon(nowMs: number): number {
    return Math.ceil(this.#rate.perSecond(nowMs) * secondsAlone);
  }

  /** What may be used now. */
  room(limit: number): number {
    return Math.min(this.amount, this.#cap, limit);
  }

  /** What could be used if all that others do not have were here. */
  obtainable(limit: number): number {
    return Math.max(limit - this.others, 0);
  }

  /** Whether the store may have more. */
  mayGrow(limit: number, used: number, need: number, nowMs: number): boolean {
    if (this.amount >= limit || this.#cap < Infinity) return false;
    if (nowMs - this.#refused.atMs >= askAgainMs || need < this.#refused.need) return true;
    return used + need <= this.obtainable(limit);
  }

  refuse(need: number, nowMs: number): void {
    this.#refused = { need, atMs: nowMs };
  }

  /** What to ask for. What is not wanted any more is given up here and now: the answer may get lost. */
  wish(limit: number | null, used: number, needs: Needs, { nowMs, isIdle, isContested, isAlone }: Asking): Wish {
    const wanted = isIdle ? 0 : Math.ceil(this.#inHand(isContested, this.#rate.perSecond(nowMs)));
    const extra = isAlone ? Math.min(wanted, Math.max(this.amount - used - needs.all, 0)) : wanted;
    this.amount = Math.min(this.amount, used + needs.all + extra);
    return { limit, used, need: needs.all, least: needs.least, extra, held: this.amount };
  }

  take({ share, others }: Grant): void {
    this.amount = share;
    this.others = others;
  }

  /** Makes room for others who go short, down to an equal part. */
  yield(limit: number | null, used: number, gateways: number, isContested: boolean): void {
    const part = Math.ceil((limit ?? Infinity) / gateways);
    const isExcess = isContested && gateways > 1 && this.amount > part;
    this.#cap = isExcess ? Math.max(part, Math.floor(used * keptOfExcess)) : Infinity;
  }

  #inHand(isContested: boolean, perSecond: number): number {
    if (isContested) return perSecond * secondsWhenContested;
    return Math.min(perSecond * secondsForFew, Math.max(perSecond * this.#seconds, this.#latest * few));
  }
}
