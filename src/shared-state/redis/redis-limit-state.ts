// The counters of client keys that several gateways share: each has a part of every limit and spends it without asking.
import type { ClientKey } from '../../core/client-key.ts';
import type { Period } from '../../core/period.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Decision, Demand, LimitState, Money, SpendingHistory, Standing } from '../limit-state.ts';
import { buryScript, GoneMoney } from './gone-money.ts';
import { KeyShares } from './key-shares.ts';
import type { Membership } from './membership.ts';
import type { SharedConnection } from './shared-connection.ts';
import type { ShareStore } from './share-store.ts';
import { questionValues, readAnswer, shareScript } from './share-script.ts';

const tickMs = 250;
/** How often keys that nobody uses are looked for and forgotten. */
const tidyEveryMs = 60_000;
/** When a store is back, it may have forgotten all: nothing new is asked of it until the other gateways have surely told it what they hold. */
const othersReturnMs = 1500;
/** The longest that giving back takes at the end. */
const farewellMs = 1000;

const nothing: Standing = { requests: { used: 0, resetMs: 0 }, tokens: { used: 0, resetMs: 0 } };

/** What the counters are made of. */
export interface RedisLimitParts {
  readonly connection: SharedConnection;
  readonly membership: Pick<Membership, 'id' | 'gateways'>;
  readonly clock: Clock;
  readonly history: SpendingHistory;
  /** Whether a budget is open while nobody knows what was spent. */
  readonly isOpenWithoutRedis: boolean;
  /** The time that shares are measured in, for tests; the server's own where not given. */
  readonly sharedNowMs?: () => number;
  /** Ms since Redis last answered, for tests. */
  readonly silentMs?: () => number;
}

/** All shares, by key id. */
export class RedisLimitState implements LimitState {
  readonly #parts: RedisLimitParts;
  readonly #store: ShareStore;
  readonly #gone: GoneMoney;
  readonly #keys = new Map<string, KeyShares>();
  /** Ids of keys that have something to tell or to renew. */
  readonly #busy = new Set<string>();
  readonly #stopListening: () => void;
  #cancelTick: (() => void) | undefined;
  #tidiedAtMs: number;
  #isClosed = false;
  #isNoting = false;

  constructor(parts: RedisLimitParts) {
    const { connection, membership, clock, history, isOpenWithoutRedis, sharedNowMs, silentMs } = parts;
    this.#parts = parts;
    this.#tidiedAtMs = clock.nowMs();
    let settledAtMs = -Infinity;
    this.#stopListening = connection.onReturn(() => {
      settledAtMs = clock.nowMs() + othersReturnMs;
      for (const shares of this.#keys.values()) shares.onReturn();
    });
    const moneyKey = (keyId: string, { startMs, endMs }: Period): string =>
      connection.key(keyId, `money:${startMs}:${endMs}`);
    const gone = new GoneMoney({
      clock,
      history,
      bury: (keyId, period, gatewayId, spentNanoUsd) =>
        connection.run(
          buryScript,
          [moneyKey(keyId, period)],
          [gatewayId, sharedNowMs === undefined ? '' : String(Math.floor(sharedNowMs())), String(spentNanoUsd)],
        ),
    });
    this.#gone = gone;
    this.#store = {
      clock,
      history,
      isOpenWithoutRedis,
      get isAway() {
        return connection.isAway || clock.nowMs() < settledAtMs;
      },
      get silentMs() {
        return silentMs?.() ?? connection.silentMs;
      },
      get gateways() {
        return membership.gateways;
      },
      async ask(keyId, period, question) {
        const keys = [connection.key(keyId, 'shares')];
        if (period !== undefined) keys.push(moneyKey(keyId, period));
        const values = questionValues({ ...question, gatewayId: membership.id, nowMs: sharedNowMs?.() });
        return readAnswer(await connection.run(shareScript, keys, values));
      },
      onGone: (keyId, period, gatewayIds) => gone.hear(keyId, period, gatewayIds),
      onBusy: (keyId) => {
        this.#busy.add(keyId);
        if (!this.#isClosed) this.#cancelTick ??= clock.after(tickMs, () => this.#tick());
      },
    };
  }

  /** Keys that something is remembered of. */
  get size(): number {
    return this.#keys.size;
  }

  reserve(key: ClientKey, demand: Demand): Decision | Promise<Decision> {
    this.#tidy();
    return this.#sharesOf(key.id).reserve(key, demand);
  }

  money(key: ClientKey, period: Period): Money | Promise<Money> {
    return this.#sharesOf(key.id).money(key, period);
  }

  standing(keyId: string): Standing {
    return this.#keys.get(keyId)?.standing() ?? nothing;
  }

  onFreed(keyId: string, listener: () => void): () => void {
    return this.#sharesOf(keyId).onFreed(listener);
  }

  /** Resolves when no question is under way. */
  async quiet(): Promise<void> {
    await Promise.all([...this.#keys.values()].map((shares) => shares.quiet()));
    await this.#gone.quiet();
  }

  /** Gives back what is not used; no request of this gateway runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTick?.();
    this.#stopListening();
    if (this.#parts.connection.isAway) return;
    let cancelTimer = (): void => {};
    const enough = new Promise<void>((resolve) => {
      cancelTimer = this.#parts.clock.after(farewellMs, resolve);
    });
    const left = [...this.#busy].map(async (id) => this.#keys.get(id)?.leave());
    await Promise.race([Promise.all(left), enough]);
    cancelTimer();
  }

  #sharesOf(keyId: string): KeyShares {
    let shares = this.#keys.get(keyId);
    if (shares === undefined) {
      shares = new KeyShares(keyId, this.#store);
      this.#keys.set(keyId, shares);
    }
    return shares;
  }

  #tick(): void {
    this.#cancelTick = undefined;
    const nowMs = this.#parts.clock.nowMs();
    for (const id of this.#busy) {
      const shares = this.#keys.get(id);
      if (shares === undefined || shares.dueAtMs === Infinity) this.#busy.delete(id);
      // In an outage there is nobody to tell; what is due stays due.
      else if (shares.dueAtMs <= nowMs && !this.#parts.connection.isAway) void shares.renew();
    }
    if (this.#parts.connection.isAway && !this.#isNoting) void this.#noteWritten();
    if (this.#busy.size > 0 && !this.#isClosed) this.#cancelTick = this.#parts.clock.after(tickMs, () => this.#tick());
  }

  /** While nobody hears what is spent, notes what of it the ledger has: Redis may forget all, and another tell it by the ledger. */
  async #noteWritten(): Promise<void> {
    const { clock, history } = this.#parts;
    const spent = [...this.#busy].map((id) => this.#keys.get(id)?.spending());
    this.#isNoting = true;
    try {
      await history.sync();
      for (const note of spent) note?.(clock.nowMs());
    } catch {
      // The ledger does not have it.
    } finally {
      this.#isNoting = false;
    }
  }

  #tidy(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs - this.#tidiedAtMs < tidyEveryMs) return;
    this.#tidiedAtMs = nowMs;
    for (const [id, shares] of this.#keys) if (shares.tidy()) this.#keys.delete(id);
  }
}
