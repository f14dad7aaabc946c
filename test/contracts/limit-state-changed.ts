// The part of the contract of several gateways that is about limits which are changed while they are in use.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ClientKey } from '../../src/core/client-key.ts';
import { dailyBudget, limitedKey } from '../support/client-key.ts';
import type { Keeper, Keepers } from '../support/gateway-trio.ts';

const usd = 1_000_000_000;
const period = { startMs: 0, endMs: Infinity };

/** Adds the tests; `open` gives so many keepers on one place that holds nothing yet. */
export function changedLimitsContract(open: (count?: number) => Promise<Keepers>): void {
  it('limits that are lowered hold from then on, though each gateway has more in hand', async () => {
    for (const lowered of [{ rpm: 65 }, { maxConcurrency: 65 }, { budget: dailyBudget(65_000) }]) {
      await using keepers = await open(2);
      const key = limitedKey({
        id: `key_${Object.keys(lowered).join()}`,
        rpm: 1000,
        maxConcurrency: 1000,
        budget: usd,
      });
      const demand = { tokens: 1, nanoUsd: 1000, period, expiresAtMs: Infinity };
      for (let i = 0; i < 30; i += 1) {
        for (const { state } of keepers.all) assert.ok((await state.reserve(key, demand)).isAdmitted);
        await keepers.advance(100);
      }
      const after = { ...key, ...lowered };
      let admitted = 60;
      for (let step = 0; step < 20; step += 1) {
        for (const { state } of keepers.all) while ((await state.reserve(after, demand)).isAdmitted) admitted += 1;
        assert.ok(admitted <= 65, `${admitted} by ${key.id}`);
        await keepers.advance(500);
      }
      assert.ok(admitted >= 62, `${admitted} by ${key.id}`);
    }
  });

  it('what was spent without a budget counts for all gateways once there is one again', async () => {
    await using keepers = await open(2);
    const demand = { tokens: 1, nanoUsd: 1000, period, expiresAtMs: Infinity };
    const spend = async ({ state }: Keeper, key: ClientKey): Promise<void> => {
      const decision = await state.reserve(key, demand);
      assert.ok(decision.isAdmitted);
      decision.hold.release();
      decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 1000 });
    };
    const [first, second] = keepers.all as [Keeper, Keeper];
    const before = limitedKey({ budget: dailyBudget(100_000, 1) });
    for (const keeper of keepers.all) await spend(keeper, before);
    await keepers.advance(10_000);
    // The two thousand of before, and much that nobody counted.
    keepers.spentBefore = 90_000;
    const after = limitedKey({ budget: dailyBudget(100_000, 2) });
    await spend(first, after);
    await spend(second, after);
    // A gateway that has not heard of the change yet makes no difference.
    await spend(second, before);
    await keepers.advance(10_000);
    await keepers.advance(20_000);
    for (const { state } of keepers.all) {
      assert.equal((await state.money(after, period)).spentNanoUsd, 93_000);
      assert.ok(!(await state.reserve(after, { ...demand, nanoUsd: 8000 })).isAdmitted);
    }
    assert.equal(keepers.ledgerReads, 2);
  });
}
