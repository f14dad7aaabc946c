// The exchange between the pools of the workers of one supervisor, held to the contract.
import { systemClock } from '../../src/lib/clock.ts';
import { newId } from '../../src/lib/id.ts';
import { LocalStore } from '../../src/shared-state/local/local-store.ts';
import { Membership } from '../../src/shared-state/redis/membership.ts';
import { redisPoolExchange } from '../../src/shared-state/redis/redis-pool-exchange.ts';
import { connectTo, type LocalPlace } from '../support/local-store.ts';
import { poolExchangeContract } from './pool-exchange.ts';

poolExchangeContract('supervisor', false, async () => {
  const place: LocalPlace = { store: new LocalStore(systemClock), listeners: new Set() };
  const memberships: Membership[] = [];
  return {
    nowMs: () => systemClock.nowMs(),
    async open() {
      const connection = connectTo(place);
      const membership = await Membership.join(connection, systemClock, newId('spool', systemClock.nowMs()));
      memberships.push(membership);
      return redisPoolExchange({ connection, membership, clock: systemClock });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(memberships.map((membership) => membership.leave()));
    },
  };
});
