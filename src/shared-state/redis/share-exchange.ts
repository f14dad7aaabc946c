// The questions of one key to the store, one at a time: who comes while one is under way shares the next.
import type { ClientKey } from '../../core/client-key.ts';
import type { KeyCounters } from '../memory/key-counters.ts';
import { needsOf, type LimitShares, type Want } from './limit-shares.ts';
import type { MoneyShare } from './money-share.ts';
import type { ShareStore } from './share-store.ts';

/** A reading of the ledger that takes longer is taken for one that will not come. */
const ledgerMs = 1000;
/** After so long without demand nothing is kept in hand. */
export const idleAfterMs = 3000;

/** Somebody who waits for the store's answer. */
export interface Waiting {
  readonly want: Want;
  readonly money: MoneyShare | undefined;
  /** `error`: there was none. A `LedgerError` says that Redis did answer. */
  readonly answer: (error: unknown) => void;
}

/** The ledger could not tell what was spent; its `cause` says why. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
}

/** What the questions are about. */
export interface ExchangeParts {
  readonly keyId: string;
  readonly store: ShareStore;
  readonly counters: KeyCounters;
  readonly limits: LimitShares;
  /** The key as it was last seen; undefined before. */
  readonly key: () => ClientKey | undefined;
  /** When something was last asked for, ms since the epoch. */
  readonly demandedAtMs: () => number;
  /** Shares of this key's limits were given, by a question of that time; or, undefined, they could not be asked for. */
  readonly onAnswer: (sentAtMs: number | undefined, key?: ClientKey) => void;
}

/** The questions. */
export class ShareExchange {
  readonly #parts: ExchangeParts;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  ask(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#running ??= this.#run();
  }

  /** Resolves when no question is under way. */
  async quiet(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Asks for all who wait for the same money at once. */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const money = this.#waiting[0]?.money;
      let batch = this.#waiting.filter((one) => one.money === money);
      this.#waiting = this.#waiting.filter((one) => one.money !== money);
      let failure: unknown;
      try {
        const wants = batch.map(({ want }) => want);
        if (!(await this.#exchange(money, wants)) && money !== undefined) {
          await this.#readLedger(money);
          await this.#exchange(money, wants);
        }
      } catch (error) {
        failure = error;
        this.#parts.onAnswer(undefined);
        // Who came meanwhile does not wait for the same to happen again.
        if (!(error instanceof LedgerError)) batch = [...batch, ...this.#waiting.splice(0)];
      }
      for (const { answer } of batch) answer(failure);
    }
    // In the same breath as the last look at who waits: whoever comes now finds nobody at work.
    this.#running = undefined;
  }

  /** One question; false where the store does not know what was spent, and needs the ledger's word. */
  async #exchange(money: MoneyShare | undefined, wants: readonly Want[]): Promise<boolean> {
    const { keyId, store, counters, limits, demandedAtMs, onAnswer } = this.#parts;
    const key = this.#parts.key();
    const { gateways } = store;
    const nowMs = store.clock.nowMs();
    const { isContested } = limits;
    const asking = { nowMs, isIdle: nowMs - demandedAtMs() >= idleAfterMs, isContested, isAlone: store.isAway };
    const wishes = limits.wishes(key, wants, gateways, asking);
    const needs = needsOf(wants.map(({ nanoUsd }) => nanoUsd));
    const asked = money?.wish(key?.budget ?? null, needs, asking);
    const answer = await store.ask(keyId, money?.purse.period, { gateways, ...wishes, money: asked });
    limits.take(key, answer, gateways, nowMs);
    onAnswer(nowMs, key);
    if (money === undefined || asked === undefined) return true;
    if (answer.money === null) {
      // Until the ledger has told, what is in hand here counts no more than what others have.
      money.purse.doubt();
      return false;
    }
    if (money.take(answer.money, asked)) counters.onSettled();
    store.onGone(keyId, money.purse.period, answer.money.gone);
    return true;
  }

  async #readLedger(money: MoneyShare): Promise<void> {
    const { keyId, store } = this.#parts;
    const { clock, history } = store;
    const { ownNanoUsd, period } = money.purse;
    const readAtMs = clock.nowMs();
    let cancelTimer = (): void => {};
    const tooLate = new Promise<never>((_, reject) => {
      cancelTimer = clock.after(ledgerMs, () => reject(new Error('what was spent cannot be read in time')));
    });
    try {
      money.rememberLedger(
        await Promise.race([history.spentSince(keyId, period.startMs), tooLate]),
        ownNanoUsd,
        readAtMs,
      );
    } catch (error) {
      throw new LedgerError('the ledger did not answer', { cause: error });
    } finally {
      cancelTimer();
    }
  }
}
