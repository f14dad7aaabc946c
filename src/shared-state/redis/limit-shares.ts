// This gateway's shares of the limits of one key, as rooms that a decision can be made by.
import type { ClientKey } from '../../core/client-key.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Demand, LimitName, Obstacle, Standing } from '../limit-state.ts';
import { isEnforced, tokensNeeded, type Room } from '../memory/decide.ts';
import type { KeyCounters } from '../memory/key-counters.ts';
import type { MoneyShare } from './money-share.ts';
import { Share, type Asking, type Needs } from './share.ts';
import type { ShareAnswer, Wish } from './share-script.ts';

/** What one who waits for the store's answer wants of each limit. */
export interface Want {
  readonly requests: number;
  readonly tokens: number;
  readonly nanoUsd: NanoUsd;
}

/** The limits besides the budget, which has a share for each period. */
type SharedLimit = Exclude<LimitName, 'budget'>;

/** What is not needed is given back within seconds, so much may be kept. */
const secondsInHand = 5;

/** What several want together. */
export function needsOf(amounts: readonly number[]): Needs {
  const some = amounts.filter((amount) => amount > 0);
  if (some.length === 0) return { all: 0, least: 0 };
  return { all: some.reduce((sum, amount) => sum + amount, 0), least: Math.min(...some) };
}

/** Maps each limit that there is. */
function roomOf(key: ClientKey, of: (name: SharedLimit, limit: number) => number, money: number): Room {
  const { rpm, tpm, maxConcurrency, budget } = key;
  return {
    rpm: rpm === null ? null : of('requests', rpm),
    tpm: tpm === null ? null : of('tokens', tpm),
    maxConcurrency: maxConcurrency === null ? null : of('concurrency', maxConcurrency),
    budget: budget === null ? null : { amountNanoUsd: money },
  };
}

/** At least one. */
function equalPart(limit: number, gateways: number): number {
  return Math.min(limit, Math.max(Math.floor(limit / gateways), 1));
}

/** An equal part of each limit, for a gateway that hears nothing of the others, and `money` of the budget. */
export function equalRoom(key: ClientKey, gateways: number, money: NanoUsd): Room {
  return roomOf(key, (_, limit) => equalPart(limit, gateways), money);
}

/** The shares of one key. */
export class LimitShares {
  readonly #counters: KeyCounters;
  readonly #shares = {
    requests: new Share(secondsInHand),
    tokens: new Share(secondsInHand),
    concurrency: new Share(secondsInHand),
  };
  #isContested = false;

  constructor(counters: KeyCounters) {
    this.#counters = counters;
  }

  /** Another gateway goes short. */
  get isContested(): boolean {
    return this.#isContested;
  }

  note(demand: Demand, money: MoneyShare | undefined, nowMs: number): void {
    this.#shares.requests.note(1, nowMs);
    this.#shares.tokens.note(demand.tokens, nowMs);
    this.#shares.concurrency.note(1, nowMs);
    money?.note(demand.nanoUsd, nowMs);
  }

  /** What may be used here. */
  room(key: ClientKey, money: MoneyShare | undefined): Room {
    return roomOf(
      key,
      (name, limit) => this.#shares[name].room(limit),
      money?.room(key.budget?.amountNanoUsd ?? 0) ?? 0,
    );
  }

  /** What could be used if all that the others do not have were here. */
  obtainable(key: ClientKey, money: MoneyShare | undefined): Room {
    const amount = money?.obtainable(key.budget?.amountNanoUsd ?? 0) ?? 0;
    return roomOf(key, (name, limit) => this.#shares[name].obtainable(limit), amount);
  }

  /** Whether asking for more can help: nothing that is enforced is surely in the way. */
  mayGrow(key: ClientKey, demand: Demand, money: MoneyShare | undefined, passed: readonly Obstacle[]): boolean {
    const nowMs = this.#counters.clock.nowMs();
    const { requests, tokens, concurrency } = this.#shares;
    const { rpm, tpm, maxConcurrency, budget } = key;
    const mayGrow: Readonly<Record<LimitName, () => boolean>> = {
      requests: () => rpm !== null && requests.mayGrow(rpm, this.#used('requests', nowMs), 1, nowMs),
      tokens: () => tpm !== null && tokens.mayGrow(tpm, this.#used('tokens', nowMs), tokensNeeded(key, demand), nowMs),
      concurrency: () =>
        maxConcurrency !== null && concurrency.mayGrow(maxConcurrency, this.#counters.inFlight, 1, nowMs),
      budget: () => budget !== null && money?.mayGrow(budget.amountNanoUsd, demand.nanoUsd, nowMs) === true,
    };
    const isStuck = passed.some((one) => isEnforced(key, one) && !mayGrow[one.limit]());
    return !isStuck && passed.some(({ limit }) => mayGrow[limit]());
  }

  /** The store had no more: it is left alone for a moment. */
  refuse(key: ClientKey, demand: Demand, money: MoneyShare | undefined, passed: readonly Obstacle[]): void {
    const nowMs = this.#counters.clock.nowMs();
    const refuse: Readonly<Record<LimitName, () => void>> = {
      requests: () => this.#shares.requests.refuse(1, nowMs),
      tokens: () => this.#shares.tokens.refuse(tokensNeeded(key, demand), nowMs),
      concurrency: () => this.#shares.concurrency.refuse(1, nowMs),
      budget: () => money?.refuse(demand.nanoUsd, nowMs),
    };
    for (const { limit } of passed) refuse[limit]();
  }

  /** What to ask for, on behalf of those who wait. Who decides alone for a while counts as used what it may use meanwhile. */
  wishes(
    key: ClientKey | undefined,
    wants: readonly Want[],
    gateways: number,
    asking: Asking,
  ): { readonly requests: Wish; readonly tokens: Wish; readonly places: Wish } {
    const requests = needsOf(wants.map((want) => want.requests));
    const tokens = needsOf(wants.map((want) => want.tokens));
    const { isIdle, isAlone } = asking;
    const wish = (name: SharedLimit, limit: number | null | undefined, needs: Needs): Wish => {
      const used = this.#used(name, asking.nowMs);
      const claimed =
        isAlone && limit ? Math.min(equalPart(limit, gateways), used + this.#shares[name].soon(asking.nowMs)) : 0;
      // What it had before the store was away is long over.
      return this.#shares[name].wish(limit ?? null, Math.max(used, claimed), needs, {
        ...asking,
        isIdle: isIdle || isAlone,
      });
    };
    return {
      requests: wish('requests', key?.rpm, requests),
      tokens: wish('tokens', key?.tpm, tokens),
      places: wish('concurrency', key?.maxConcurrency, requests),
    };
  }

  take(key: ClientKey | undefined, answer: ShareAnswer, gateways: number, nowMs: number): void {
    this.#isContested = answer.isContested;
    const { requests, tokens, concurrency } = this.#shares;
    requests.take(answer.requests);
    tokens.take(answer.tokens);
    concurrency.take(answer.places);
    const limits = { requests: key?.rpm, tokens: key?.tpm, concurrency: key?.maxConcurrency };
    for (const name of ['requests', 'tokens', 'concurrency'] as const)
      this.#shares[name].yield(limits[name] ?? null, this.#used(name, nowMs), gateways, answer.isContested);
  }

  /** How the windows stand: a share of another gateway counts as used. */
  standing(): Standing {
    const { requests, tokens } = this.#counters.standing();
    return {
      requests: { ...requests, used: requests.used + this.#shares.requests.others },
      tokens: { ...tokens, used: tokens.used + this.#shares.tokens.others },
    };
  }

  #used(name: SharedLimit, nowMs: number): number {
    return name === 'concurrency' ? this.#counters.inFlight : this.#counters.window.sum(name, nowMs);
  }
}
