// The exchange that tests of pools use, held to the contract.
import { FakeClock } from '../support/clock.ts';
import { PoolHub } from '../support/pool-hub.ts';
import { poolExchangeContract } from './pool-exchange.ts';

poolExchangeContract('in one process', false, async () => {
  const clock = new FakeClock();
  const hub = new PoolHub(clock);
  return { open: async () => hub.open(), nowMs: () => clock.nowMs(), async [Symbol.asyncDispose]() {} };
});
