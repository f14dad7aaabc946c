// Opens what gateways share: in Redis, in the memory of the supervisor of several workers, or in this process's own.
import type { RedisUrl } from '../core/redis-url.ts';
import type { Clock } from '../lib/clock.ts';
import type { StoreLine } from './local/local-connection.ts';
import type { LimitState, SpendingHistory } from './limit-state.ts';
import { MemoryLimitState } from './memory/memory-limit-state.ts';
import type { PoolExchange } from './pool-exchange.ts';
import type { SharedConnection } from './redis/shared-connection.ts';

/** What the shared state is made of. */
export interface SharedStateParts {
  /** Undefined: this gateway is alone, or has its supervisor. */
  readonly url: RedisUrl | undefined;
  /** The line to the supervisor of several workers; undefined: there is none. */
  readonly line: StoreLine | undefined;
  readonly clock: Clock;
  /** This gateway's name among those that share, the one by which `history` knows it. */
  readonly gatewayId: string;
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
  /** For `/ready` and the metrics; undefined where no Redis is used. */
  readonly isRedisAway: () => boolean | undefined;
  /** Gives back what this gateway holds and takes its leave. */
  close(): Promise<void>;
}

/** Opens it. A Redis that is away is no hindrance. */
export async function openSharedState(parts: SharedStateParts): Promise<SharedState> {
  const { clock, history, isOpenWithoutRedis } = parts;
  const connection = await openConnection(parts);
  if (connection === undefined) {
    return {
      limits: new MemoryLimitState(clock, history),
      pools: undefined,
      isRedisAway: () => undefined,
      close: async () => {},
    };
  }
  const [{ Membership }, { RedisLimitState }, { redisPoolExchange }] = await Promise.all([
    import('./redis/membership.ts'),
    import('./redis/redis-limit-state.ts'),
    import('./redis/redis-pool-exchange.ts'),
  ]);
  const membership = await Membership.join(connection, clock, parts.gatewayId);
  const limits = new RedisLimitState({ connection, membership, clock, history, isOpenWithoutRedis });
  return {
    limits,
    pools: redisPoolExchange({ connection, membership, clock }),
    isRedisAway: () => (parts.url === undefined ? undefined : connection.isAway),
    async close() {
      await limits.close();
      await membership.leave();
      connection.close();
    },
  };
}

/** The way to the others; undefined where there are none. */
async function openConnection(parts: SharedStateParts): Promise<SharedConnection | undefined> {
  const { url, line, clock, onTrouble } = parts;
  // Who uses no Redis does not pay for its client's memory.
  if (url !== undefined) return (await import('./redis/connection.ts')).RedisConnection.open({ url, clock, onTrouble });
  if (line === undefined) return undefined;
  return new (await import('./local/local-connection.ts')).LocalConnection(line, clock);
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
