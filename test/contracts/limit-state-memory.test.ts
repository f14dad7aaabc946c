// The counters in memory, held to the contract, and what is particular to them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLimitState } from '../../src/shared-state/memory/memory-limit-state.ts';
import { limitedKey } from '../support/client-key.ts';
import { FakeClock } from '../support/clock.ts';
import type { LimitStateRig } from './limit-state-rig.ts';
import { limitStateContract } from './limit-state.ts';

type MemoryRig = LimitStateRig & { readonly state: MemoryLimitState };

async function open(): Promise<MemoryRig> {
  const clock = new FakeClock();
  const rig: MemoryRig = {
    state: new MemoryLimitState(clock, {
      spentSince: async (keyId, fromMs) => rig.ledger(keyId, fromMs),
      spentByGone: async () => undefined,
      sync: async () => {},
    }),
    nowMs: () => clock.nowMs(),
    advance: (ms: number) => clock.advance(ms),
    ledger: () => 0,
    close: async () => {},
  };
  return rig;
}

limitStateContract('memory', open);

test('answers at once, but for what a key has spent before', async () => {
  const rig = await open();
  const { state } = rig;
  const demand = { tokens: 1, nanoUsd: 1, period: { startMs: 0, endMs: Infinity }, expiresAtMs: rig.nowMs() + 1000 };
  assert.ok(!(state.reserve(limitedKey({ rpm: 1 }), demand) instanceof Promise));
  const key = limitedKey({ budget: 100 });
  assert.ok(state.reserve(key, demand) instanceof Promise);
  await state.reserve(key, demand);
  assert.ok(!(state.reserve(key, demand) instanceof Promise));
  assert.ok(!(state.money(key, demand.period) instanceof Promise));
});

test('a period that begins while a key is used by its budget needs no ledger', async () => {
  const rig = await open();
  const { state } = rig;
  const key = limitedKey({ budget: 100 });
  const [first, second] = [rig.nowMs(), rig.nowMs() + 1000].map((startMs) => ({ startMs, endMs: startMs + 1000 }));
  const demand = { tokens: 1, nanoUsd: 1, expiresAtMs: rig.nowMs() + 5000 };
  await state.reserve(key, { ...demand, period: first ?? null });
  await rig.advance(1000);
  assert.ok(!(state.reserve(key, { ...demand, period: second ?? null }) instanceof Promise));
});

test('what was spent in such a period is read from the ledger once it was forgotten in a long pause', async () => {
  const rig = await open();
  const { state } = rig;
  const period = { startMs: rig.nowMs() + 1000, endMs: rig.nowMs() + 86_400_000 };
  await rig.advance(1000);
  const key = limitedKey({ budget: 100 });
  const demand = { tokens: 1, nanoUsd: 60, period, expiresAtMs: rig.nowMs() + 1000 };
  const first = await state.reserve(key, demand);
  assert.ok(first.isAdmitted);
  first.hold.release();
  first.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 60 });
  rig.ledger = () => 60;
  await rig.advance(3_700_000);
  await state.reserve(limitedKey({ id: 'key_other', rpm: 1 }), { ...demand, period: null });
  assert.equal(state.size, 1, 'the key is forgotten');
  assert.equal((await state.reserve(key, demand)).isAdmitted, false);
  assert.deepEqual(await state.money(key, period), { spentNanoUsd: 60, reservedNanoUsd: 0 });
});

test('ten thousand keys that nobody uses any more leave nothing behind', async () => {
  const rig = await open();
  const { state } = rig;
  for (let i = 0; i < 10_000; i += 1) {
    const key = limitedKey({ id: `key_${i}`, rpm: 5, tpm: 1000, maxConcurrency: 5, budget: 1000 });
    const period = { startMs: 0, endMs: Infinity };
    const decision = await state.reserve(key, { tokens: 10, nanoUsd: 10, period, expiresAtMs: rig.nowMs() + 1000 });
    assert.ok(decision.isAdmitted);
    if (i % 2 === 0) decision.hold.settle({ countsAsRequest: true, tokens: 5, nanoUsd: 5 });
  }
  assert.equal(state.size, 10_000);
  await rig.advance(3_700_000);
  await state.reserve(limitedKey({ id: 'key_last', rpm: 1 }), {
    tokens: 1,
    nanoUsd: 0,
    period: null,
    expiresAtMs: rig.nowMs(),
  });
  assert.equal(state.size, 1);
});
