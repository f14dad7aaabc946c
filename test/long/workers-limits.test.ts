// The counters in a supervisor's memory, held to the contracts of counters that one gateway has, and that several share.
import { systemClock } from '../../src/lib/clock.ts';
import { LocalStore } from '../../src/shared-state/local/local-store.ts';
import { RedisLimitState } from '../../src/shared-state/redis/redis-limit-state.ts';
import type { LimitStateRig } from '../contracts/limit-state-rig.ts';
import { sharedLimitsContract } from '../contracts/limit-state-shared.ts';
import { limitStateContract } from '../contracts/limit-state.ts';
import { FakeClock } from '../support/clock.ts';
import { openKeepersOn } from '../support/gateway-trio.ts';
import { connectTo, type LocalPlace } from '../support/local-store.ts';

const newPlace = (): LocalPlace => ({ store: new LocalStore(systemClock), listeners: new Set() });

limitStateContract('supervisor', async () => {
  const clock = new FakeClock();
  const connection = connectTo(newPlace());
  const state = new RedisLimitState({
    connection,
    membership: { id: 'gw_one', gateways: 1 },
    clock,
    history: {
      spentSince: async (keyId, fromMs) => rig.ledger(keyId, fromMs),
      spentByGone: async () => undefined,
      sync: async () => {},
    },
    isOpenWithoutRedis: false,
    sharedNowMs: () => clock.nowMs(),
  });
  const rig: LimitStateRig = {
    state,
    nowMs: () => clock.nowMs(),
    async advance(ms) {
      await clock.advance(ms);
      await state.quiet();
    },
    ledger: () => 0,
    async close() {
      await state.close();
      connection.close();
    },
  };
  return rig;
});

sharedLimitsContract('supervisor', false, (count = 3) => {
  const place = newPlace();
  return openKeepersOn(async () => connectTo(place), { count });
});
