// One key among several gateways: decides by its shares at once where they suffice, and asks for more where they do not.
import type { ClientKey } from '../../core/client-key.ts';
import type { Period } from '../../core/period.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Decision, Demand, Money, Obstacle, Standing } from '../limit-state.ts';
import { isEnforced, tokensNeeded, type Room } from '../memory/decide.ts';
import { KeyCounters } from '../memory/key-counters.ts';
import { equalRoom, LimitShares, type Want } from './limit-shares.ts';
import { MoneyShare } from './money-share.ts';
import { idleAfterMs, LedgerError, ShareExchange } from './share-exchange.ts';
import { shareMs } from './share-script.ts';
import { spendingUnknown, type ShareStore } from './share-store.ts';
import { SharedHold, type MoneyKeeper } from './shared-hold.ts';

/** A share is used no longer than this: the store forgets it a second later. */
const usableMs = shareMs - 1000;
const renewEveryMs = 7000;
/** After a question that was not answered. */
const renewAgainMs = 1000;
/** While others go short, or somebody here waits for money. */
const renewOftenEveryMs = 500;
/** Without a word from Redis for so long nobody knows what was spent. */
const moneyKnownMs = 60_000;

const nothing: Want = { requests: 0, tokens: 0, nanoUsd: 0 };

/** One key. */
export class KeyShares implements MoneyKeeper {
  readonly keyId: string;
  /** When it should speak to the store next, ms since the epoch. */
  dueAtMs = Infinity;
  readonly #store: ShareStore;
  readonly #counters: KeyCounters;
  readonly #limits: LimitShares;
  readonly #exchange: ShareExchange;
  readonly #money = new Map<Period, MoneyShare>();
  #key: ClientKey | undefined;
  /** The key as it was when the shares were given: where it has changed, they may be too much. */
  #validFor: ClientKey | undefined;
  #validUntilMs = 0;
  #demandedAtMs = 0;

  constructor(keyId: string, store: ShareStore) {
    this.keyId = keyId;
    this.#store = store;
    // Others know what was spent here in all, as it was told: so it goes on from there.
    this.#counters = new KeyCounters(store.clock, Infinity);
    this.#limits = new LimitShares(this.#counters);
    this.#exchange = new ShareExchange({
      keyId,
      store,
      counters: this.#counters,
      limits: this.#limits,
      key: () => this.#key,
      demandedAtMs: () => this.#demandedAtMs,
      onAnswer: (sentAtMs, asked) => this.#onAnswer(sentAtMs, asked),
    });
  }

  reserve(key: ClientKey, demand: Demand): Decision | Promise<Decision> {
    const nowMs = this.#store.clock.nowMs();
    const money = key.budget === null || demand.period === null ? undefined : this.#moneyOf(demand.period);
    this.#key = key;
    this.#demandedAtMs = nowMs;
    this.#limits.note(demand, money, nowMs);
    this.#wake(renewEveryMs);
    if (this.#store.isAway) {
      // A store that is just back has not heard of so much yet, and would give others what is used here.
      if (this.#validUntilMs === 0 || this.#obstacles(key, demand, money, this.#limits.room(key, money)).length > 0)
        this.#wake(0);
      return this.#reserveAlone(key, demand, money);
    }
    if (!this.#isValid(money, nowMs)) return this.#askFor(key, demand, money);
    const passed = this.#obstacles(key, demand, money, this.#limits.room(key, money));
    if (passed.length === 0) return this.#admit(key, demand, money, passed);
    if (this.#limits.mayGrow(key, demand, money, passed)) return this.#askFor(key, demand, money);
    return this.#conclude(key, demand, money);
  }

  cover(key: ClientKey, money: MoneyShare, more: NanoUsd, take: () => void): boolean | Promise<boolean> {
    this.#wake(renewEveryMs);
    const amountNanoUsd = key.budget?.amountNanoUsd ?? 0;
    const takeWithin = (room: NanoUsd): boolean => {
      const isThere = money.purse.fits(more, room);
      if (isThere) take();
      return isThere;
    };
    if (this.#store.isAway) return takeWithin(this.#moneyAlone(key, money));
    if (takeWithin(money.room(amountNanoUsd))) return true;
    if (!money.mayGrow(amountNanoUsd, more, this.#store.clock.nowMs())) return false;
    return new Promise((resolve) => {
      const answer = (): void => resolve(takeWithin(money.room(amountNanoUsd)));
      this.#exchange.ask({ want: { ...nothing, nanoUsd: more }, money, answer });
    });
  }

  money(key: ClientKey, period: Period): Money | Promise<Money> {
    this.#key = key;
    const money = this.#moneyOf(period);
    const { isAway, isOpenWithoutRedis, clock } = this.#store;
    if (money.purse.isKnown && (isAway || this.#isValid(money, clock.nowMs()))) return money.money();
    if (isAway && isOpenWithoutRedis) return this.#readAlone(money).then(() => money.money());
    if (isAway) return Promise.reject(spendingUnknown());
    return new Promise((resolve, reject) => {
      const answer = (error: unknown): void => {
        if (error === undefined || money.purse.isKnown) resolve(money.money());
        else reject(error);
      };
      this.#exchange.ask({ want: nothing, money, answer });
    });
  }

  standing(): Standing {
    return this.#limits.standing();
  }

  onFreed(listener: () => void): () => void {
    this.#wake(renewOftenEveryMs);
    return this.#counters.onFreed(listener);
  }

  onEnded(): void {
    this.#wake(renewEveryMs);
  }

  /** The store is back, and may have forgotten all: what is in use is told at once, and what was given counts no more. */
  onReturn(): void {
    this.#validUntilMs = 0;
    const { requests, tokens } = this.#counters.standing();
    if (requests.used > 0 || tokens.used > 0 || this.#isHeld()) void this.renew();
  }

  /** Tells the store what is used, and gives back the rest. */
  async renew(): Promise<void> {
    this.dueAtMs = Infinity;
    const nowMs = this.#store.clock.nowMs();
    for (const [period, money] of this.#money) {
      if (period.endMs <= nowMs && !money.isBusy) this.#money.delete(period);
    }
    const all = this.#money.size === 0 ? [undefined] : [...this.#money.values()];
    const told = all.map(
      (money) => new Promise<void>((resolve) => this.#exchange.ask({ want: nothing, money, answer: () => resolve() })),
    );
    await Promise.all(told);
  }

  /** What was spent so far; to be called when the ledger has it. */
  spending(): (nowMs: number) => void {
    const spent = [...this.#money.values()].map((money) => [money, money.purse.ownNanoUsd] as const);
    return (nowMs) => {
      for (const [money, ownNanoUsd] of spent) money.noteWritten(ownNanoUsd, nowMs);
    };
  }

  /** Gives back what is not used, because nothing will be asked for any more. */
  async leave(): Promise<void> {
    this.#demandedAtMs = -Infinity;
    await this.renew();
  }

  /** Resolves when no question is under way. */
  quiet(): Promise<void> {
    return this.#exchange.quiet();
  }

  /** Forgets what nothing depends on any more; true where nothing is left. */
  tidy(): boolean {
    const isEmpty = this.#counters.tidy();
    return isEmpty && this.dueAtMs === Infinity && !this.#exchange.isRunning;
  }

  #moneyOf(period: Period): MoneyShare {
    const purse = this.#counters.purse(period, false);
    let money = this.#money.get(purse.period);
    if (money?.purse !== purse) {
      money = new MoneyShare(purse);
      this.#money.set(purse.period, money);
    }
    return money;
  }

  #wake(withinMs: number): void {
    const dueAtMs = this.#store.clock.nowMs() + withinMs;
    if (this.dueAtMs <= dueAtMs) return;
    this.dueAtMs = dueAtMs;
    this.#store.onBusy(this.keyId);
  }

  #isValid(money: MoneyShare | undefined, nowMs: number): boolean {
    return nowMs < this.#validUntilMs && this.#key === this.#validFor && money?.purse.isKnown !== false;
  }

  #obstacles(key: ClientKey, demand: Demand, money: MoneyShare | undefined, room: Room): readonly Obstacle[] {
    return this.#counters.obstacles(key, demand, money?.purse, room);
  }

  #askFor(key: ClientKey, demand: Demand, money: MoneyShare | undefined): Promise<Decision> {
    return new Promise((resolve, reject) => {
      const answer = (error: unknown): void => {
        try {
          // A store that did not answer leaves the decision to this gateway; a ledger that did not, to nobody.
          if (error === undefined) resolve(this.#conclude(key, demand, money, true));
          else if (error instanceof LedgerError) reject(error.cause);
          else resolve(this.#reserveAlone(key, demand, money));
        } catch (bug) {
          reject(bug);
        }
      };
      const want = { requests: 1, tokens: tokensNeeded(key, demand), nanoUsd: demand.nanoUsd };
      this.#exchange.ask({ want, money, answer });
    });
  }

  /** The last word: by the share, and told by what could be had of the limit. */
  #conclude(key: ClientKey, demand: Demand, money: MoneyShare | undefined, wasAsked = false): Decision {
    const passed = this.#obstacles(key, demand, money, this.#limits.room(key, money));
    if (passed.length === 0) return this.#admit(key, demand, money, passed);
    if (wasAsked) this.#limits.refuse(key, demand, money, passed);
    const told = this.#obstacles(key, demand, money, this.#limits.obtainable(key, money));
    return this.#admit(key, demand, money, told.length > 0 ? told : passed);
  }

  #admit(key: ClientKey, demand: Demand, money: MoneyShare | undefined, passed: readonly Obstacle[]): Decision {
    if (passed.some((obstacle) => isEnforced(key, obstacle)))
      return { isAdmitted: false, obstacles: passed, money: money?.money() ?? null };
    const hold = this.#counters.take(key, demand, money?.purse, passed);
    return { isAdmitted: true, hold: new SharedHold(this, key, hold, money), passed };
  }

  /** Without Redis: an equal part of each limit, and the money that is in hand. */
  #reserveAlone(key: ClientKey, demand: Demand, money: MoneyShare | undefined): Decision | Promise<Decision> {
    const { silentMs, isOpenWithoutRedis, gateways } = this.#store;
    if (money !== undefined && !money.purse.isKnown) {
      if (!isOpenWithoutRedis) return Promise.reject(spendingUnknown());
      return this.#readAlone(money).then(() => this.#reserveAlone(key, demand, money));
    }
    const room = equalRoom(key, gateways, money === undefined ? 0 : this.#moneyAlone(key, money));
    const passed = this.#obstacles(key, demand, money, room);
    const isClosed = !isOpenWithoutRedis && money !== undefined && key.budgetMode === 'enforce';
    // More may be left, but nobody knows.
    if (isClosed && (silentMs >= moneyKnownMs || passed.some(({ limit }) => limit === 'budget')))
      return Promise.reject(spendingUnknown());
    return this.#admit(key, demand, money, passed);
  }

  #moneyAlone(key: ClientKey, money: MoneyShare): NanoUsd {
    const { gateways, isOpenWithoutRedis } = this.#store;
    const amountNanoUsd = key.budget?.amountNanoUsd ?? 0;
    return isOpenWithoutRedis ? money.roomAlone(amountNanoUsd, gateways) : money.room(amountNanoUsd);
  }

  #readAlone(money: MoneyShare): Promise<void> {
    const { clock, history } = this.#store;
    return money.purse.know(() => history.spentSince(this.keyId, money.purse.period.startMs), clock.nowMs());
  }

  #isHeld(): boolean {
    return this.#counters.inFlight > 0 || [...this.#money.values()].some(({ isBusy }) => isBusy);
  }

  #onAnswer(sentAtMs: number | undefined, asked: ClientKey | undefined): void {
    if (sentAtMs === undefined) {
      this.#wake(renewAgainMs);
      return;
    }
    this.#validUntilMs = sentAtMs + usableMs;
    this.#validFor = asked;
    // What was claimed to be on the safe side is given back when the others have told, too.
    if (this.#store.isAway) this.#wake(idleAfterMs);
    const isAwaited = this.#counters.isAwaited;
    if (!isAwaited && !this.#isHeld() && sentAtMs - this.#demandedAtMs >= idleAfterMs) return;
    this.#wake(isAwaited || this.#limits.isContested ? renewOftenEveryMs : renewEveryMs);
  }
}
