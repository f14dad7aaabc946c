// The counters in Redis, held to the contract, and what is particular to them when one gateway has them for itself.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import { RedisLimitState } from '../../src/shared-state/redis/redis-limit-state.ts';
import { limitedKey } from '../support/client-key.ts';
import { FakeClock } from '../support/clock.ts';
import { patienceMs, startRedis, withoutRedis, type RedisServer } from '../support/redis.ts';
import { demand, type LimitStateRig } from './limit-state-rig.ts';
import { limitStateContract } from './limit-state.ts';

type RedisRig = LimitStateRig & { readonly state: RedisLimitState; readonly connection: RedisConnection };

let server: RedisServer;
let opened = 0;

async function open(): Promise<RedisRig> {
  const clock = new FakeClock();
  opened += 1;
  const url = new RedisUrl(`${server.url}?prefix=case${opened}`);
  const connection = await RedisConnection.open({ url, clock: systemClock, callMs: patienceMs, onTrouble: () => {} });
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
  const rig: RedisRig = {
    state,
    connection,
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
}

describe('limit state in Redis', { skip: withoutRedis }, () => {
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  limitStateContract('redis', open);

  it('a thousand requests a second take a few commands a second', async () => {
    const rig = await open();
    const key = limitedKey({ rpm: 200_000, tpm: 100_000_000, maxConcurrency: 500, budget: 1e12 });
    const period = { startMs: 0, endMs: Infinity };
    const before = rig.connection.calls;
    const running: (() => void)[] = [];
    const seconds = 20;
    for (let i = 0; i < seconds * 1000; i += 1) {
      if (i % 10 === 0) await rig.advance(10);
      const decision = await rig.state.reserve(key, demand(rig, { tokens: 500, nanoUsd: 1000, period }));
      assert.ok(decision.isAdmitted);
      running.push(() => {
        decision.hold.release();
        decision.hold.settle({ countsAsRequest: true, tokens: 300, nanoUsd: 400 });
      });
      if (running.length > 200) running.shift()?.();
    }
    const each = (rig.connection.calls - before) / (seconds * 1000);
    assert.ok(each <= 0.02, `${each} commands per request`);
    for (const end of running) end();
    await rig.close();
  });

  it('fifty keys with a request a second each take a command for three requests at most', async () => {
    const rig = await open();
    const keys = Array.from({ length: 50 }, (_, i) =>
      limitedKey({ id: `key_${i}`, rpm: 600, tpm: 1_000_000, maxConcurrency: 50, budget: 1e12 }),
    );
    const period = { startMs: 0, endMs: Infinity };
    const seconds = 60;
    for (let second = 0; second < seconds; second += 1) {
      for (const key of keys) {
        const decision = await rig.state.reserve(key, demand(rig, { tokens: 500, nanoUsd: 1000, period }));
        assert.ok(decision.isAdmitted);
        decision.hold.release();
        decision.hold.settle({ countsAsRequest: true, tokens: 300, nanoUsd: 400 });
        await rig.advance(20);
      }
    }
    const each = rig.connection.calls / (seconds * keys.length);
    assert.ok(each <= 0.34, `${each} commands per request`);
    await rig.close();
  });
});
