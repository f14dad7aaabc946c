// A worker whose supervisor is slow or silent: it decides by its part before a request has waited too long.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf } from '../../src/limits/store-answer.ts';
import { LocalConnection } from '../../src/shared-state/local/local-connection.ts';
import { RedisLimitState } from '../../src/shared-state/redis/redis-limit-state.ts';
import { limitedKey } from '../support/client-key.ts';
import { FakeClock } from '../support/clock.ts';

/** The counters of one of two workers, whose supervisor answers nothing. */
function openSilent(clock: FakeClock): RedisLimitState {
  const line = { isLost: false, ask: () => new Promise<never>(() => {}), publish() {}, onPublished() {} };
  return new RedisLimitState({
    connection: new LocalConnection(line, clock),
    membership: { id: 'gw_1', gateways: 2 },
    clock,
    history: { spentSince: async () => 0, spentByGone: async () => undefined, sync: async () => {} },
    isOpenWithoutRedis: false,
  });
}

test('a supervisor that does not answer leaves each worker its part of a limit, before the request is given up', async () => {
  const clock = new FakeClock();
  const state = openSilent(clock);
  const key = limitedKey({ rpm: 4 });
  const demand = { tokens: 1, nanoUsd: 0, period: null, expiresAtMs: Infinity };
  const asked = Array.from({ length: 3 }, async () => answerOf(clock, state.reserve(key, demand)));
  const settled = Promise.allSettled(asked);
  await clock.advance(1000);
  const outcomes = (await settled).map((one) => (one.status === 'fulfilled' ? one.value.isAdmitted : one.reason));
  assert.deepEqual(outcomes, [true, true, false]);
});

test('money that nobody has granted is not spent meanwhile', async () => {
  const clock = new FakeClock();
  const state = openSilent(clock);
  const period = { startMs: 0, endMs: Infinity };
  const demand = { tokens: 1, nanoUsd: 1, period, expiresAtMs: Infinity };
  const asked = assert.rejects(
    async () => answerOf(clock, state.reserve(limitedKey({ budget: 100 }), demand)),
    ({ cause }: Error) => /nobody knows what the key has spent/u.test(String(cause)),
  );
  await clock.advance(1000);
  await asked;
});
