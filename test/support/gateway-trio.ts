// Keepers of limits that share one Redis, or what stands in for it, under one clock that a test moves, as several gateways would.
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import { RedisLimitState } from '../../src/shared-state/redis/redis-limit-state.ts';
import type { SharedConnection } from '../../src/shared-state/redis/shared-connection.ts';
import { FakeClock } from './clock.ts';
import { patienceMs } from './redis.ts';

/** A connection that counts. When it is closed, its gateway cannot ask any more. */
export type KeeperConnection = SharedConnection & { readonly calls: number };

/** One gateway's keeper. */
export interface Keeper {
  readonly name: string;
  readonly state: RedisLimitState;
  readonly connection: KeeperConnection;
}

/** Several keepers. */
export interface Keepers extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly all: readonly Keeper[];
  /** What the ledger says that was spent before; changed by the test. */
  spentBefore: number;
  ledgerReads: number;
  /** What the ledger says that those have spent that are no more, by name. */
  readonly spentByGone: Map<string, number>;
  /** For how long Redis has said nothing, where the test says so. */
  silentMs: number;
  /** Moves the time on, and lets what follows from it happen. */
  advance(ms: number): Promise<void>;
}

/** How they are opened. */
export interface KeeperOptions {
  readonly count?: number;
  readonly isOpenWithoutRedis?: boolean;
  /** The longest that a call of Redis may take; 10 s where not given. */
  readonly callMs?: number;
}

/** Opens them on a Redis. */
export function openKeepers(url: string, options: KeeperOptions = {}): Promise<Keepers> {
  const { callMs = patienceMs } = options;
  const parts = { url: new RedisUrl(url), clock: systemClock, callMs, onTrouble: () => {} };
  return openKeepersOn(() => RedisConnection.open(parts), options);
}

/** Opens them on connections to the same place. */
export async function openKeepersOn(
  connect: () => Promise<KeeperConnection>,
  options: KeeperOptions = {},
): Promise<Keepers> {
  const { count = 3, isOpenWithoutRedis = false } = options;
  const clock = new FakeClock();
  const all = await Promise.all(
    Array.from({ length: count }, async (_, i): Promise<Keeper> => {
      const connection = await connect();
      const name = `gw_${i + 1}`;
      const state = new RedisLimitState({
        connection,
        membership: { id: name, gateways: count },
        clock,
        history: {
          async spentSince() {
            keepers.ledgerReads += 1;
            return keepers.spentBefore;
          },
          async spentByGone(name) {
            return keepers.spentByGone.get(name);
          },
          async sync() {},
        },
        isOpenWithoutRedis,
        sharedNowMs: () => clock.nowMs(),
        silentMs: () => keepers.silentMs,
      });
      return { name, state, connection };
    }),
  );
  const keepers: Keepers = {
    clock,
    all,
    spentBefore: 0,
    ledgerReads: 0,
    spentByGone: new Map(),
    silentMs: 0,
    async advance(ms) {
      await clock.advance(ms);
      await Promise.all(all.map(({ state }) => state.quiet()));
    },
    async [Symbol.asyncDispose]() {
      for (const { connection } of all) connection.close();
    },
  };
  return keepers;
}
