// Keepers of limits that share one Redis under one clock that a test moves, as several gateways would.
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import { RedisLimitState } from '../../src/shared-state/redis/redis-limit-state.ts';
import { FakeClock } from './clock.ts';
import { patienceMs } from './redis.ts';

/** One gateway's keeper. */
export interface Keeper {
  readonly name: string;
  readonly state: RedisLimitState;
  readonly connection: RedisConnection;
}

/** Several keepers. */
export interface Keepers extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly all: readonly Keeper[];
  /** What the ledger says that was spent before; changed by the test. */
  spentBefore: number;
  ledgerReads: number;
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
export async function openKeepers(url: string, options: KeeperOptions = {}): Promise<Keepers> {
  const { count = 3, isOpenWithoutRedis = false, callMs = patienceMs } = options;
  const clock = new FakeClock();
  const all = await Promise.all(
    Array.from({ length: count }, async (_, i): Promise<Keeper> => {
      const connection = await RedisConnection.open({
        url: new RedisUrl(url),
        clock: systemClock,
        callMs,
        onTrouble: () => {},
      });
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
