// Opens what gateways share: in Redis where the settings name one, otherwise in this process's memory.
import type { RedisUrl } from '../core/redis-url.ts';
import type { Clock } from '../lib/clock.ts';
import type { LimitState, SpendingHistory } from './limit-state.ts';
import { MemoryLimitState } from './memory/memory-limit-state.ts';
import type { PoolExchange } from './pool-exchange.ts';
import type { RedisConnection } from './redis/connection.ts';
import type { Membership } from './redis/membership.ts';

/** What the shared state is made of. */
export interface SharedStateParts {
  /** Undefined: this gateway is alone. */
  readonly url: RedisUrl | undefined;
  readonly clock: Clock;
  readonly history: SpendingHistory;
  /** Whether budgets are open while Redis is away. */
  readonly isOpenWithoutRedis: boolean;
  /** Hears once of each outage of Redis, and with undefined of its end. */
  readonly onTrouble: (error: Error | undefined) => void;
}

/** What gateways share. */
export interface SharedState {
  readonly limits: LimitState;
  /** The way to the pools of the other gateways; undefined where there are none. */
  readonly pools: PoolExchange | undefined;
  /** The way to the other gateways; undefined where there are none. */
  readonly redis: { readonly connection: RedisConnection; readonly membership: Membership } | undefined;
  /** For `/ready` and the metrics; undefined where no Redis is used. */
  readonly isRedisAway: () => boolean | undefined;
  /** Gives back what this gateway holds and takes its leave. */
  close(): Promise<void>;
}

/** Opens it. A Redis that is away is no hindrance. */
export async function openSharedState(parts: SharedStateParts): Promise<SharedState> {
  const { url, clock, history, isOpenWithoutRedis, onTrouble } = parts;
  if (url === undefined) {
    return {
      limits: new MemoryLimitState(clock, history),
      pools: undefined,
      redis: undefined,
      isRedisAway: () => undefined,
      close: async () => {},
    };
  }
  // Who uses no Redis does not pay for its client's memory.
  const [{ RedisConnection }, { Membership }, { RedisLimitState }, { redisPoolExchange }] = await Promise.all([
    import('./redis/connection.ts'),
    import('./redis/membership.ts'),
    import('./redis/redis-limit-state.ts'),
    import('./redis/redis-pool-exchange.ts'),
  ]);
  const connection = await RedisConnection.open({ url, clock, onTrouble });
  const membership = await Membership.join(connection, clock);
  const limits = new RedisLimitState({ connection, membership, clock, history, isOpenWithoutRedis });
  return {
    limits,
    pools: redisPoolExchange({ connection, membership, clock }),
    redis: { connection, membership },
    isRedisAway: () => connection.isAway,
    async close() {
      await limits.close();
      await membership.leave();
      connection.close();
    },
  };
}

/** Connects once; the answer is what is wrong, or undefined. */
export async function tryRedis(url: RedisUrl, clock: Clock): Promise<Error | undefined> {
  const { RedisConnection } = await import('./redis/connection.ts');
  let trouble: Error | undefined;
  const onTrouble = (error: Error | undefined): void => {
    trouble = error;
  };
  const connection = await RedisConnection.open({ url, clock, onTrouble });
  connection.close();
  return trouble;
}
