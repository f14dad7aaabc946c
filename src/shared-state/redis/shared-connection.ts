// What gateways need of the place in which they share: Redis has it, and so has the supervisor of several workers.
import type { RedisConnection } from './connection.ts';

/** The way there. `run` is one step in which nobody else does anything; nothing here waits long. */
export type SharedConnection = Pick<
  RedisConnection,
  'isAway' | 'silentMs' | 'key' | 'run' | 'publish' | 'subscribe' | 'onReturn' | 'close'
>;
