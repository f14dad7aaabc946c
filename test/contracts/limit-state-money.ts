// The part of the contract that is about money: holding it, spending it, and knowing what was spent before.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Period } from '../../src/core/period.ts';
import type { Hold } from '../../src/shared-state/limit-state.ts';
import { dailyBudget, limitedKey } from '../support/client-key.ts';
import { admitted, dayOf, demand, money, refused, taken, type RunWithRig } from './limit-state-rig.ts';

/** Adds the tests; `withRig` gives each a keeper of its own. */
export function moneyContract(withRig: RunWithRig): void {
  it(
    'never holds more money than the budget has, and books what was spent',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 1000 });
      const period = dayOf(rig);
      const first = await admitted(rig, key, { nanoUsd: 600, period });
      const decision = await rig.state.reserve(key, demand(rig, { nanoUsd: 401, period }));
      assert.ok(!decision.isAdmitted);
      assert.deepEqual(decision.obstacles, [{ limit: 'budget', waitMs: period.endMs - rig.nowMs() }]);
      assert.deepEqual(decision.money, { spentNanoUsd: 0, reservedNanoUsd: 600 });
      const second = await admitted(rig, key, { nanoUsd: 400, period });
      first.settle(taken({ nanoUsd: 100 }));
      second.settle(taken({ nanoUsd: 450 }));
      assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 550, reservedNanoUsd: 0 });
    }),
  );

  it(
    'raises what is held for a further attempt, as far as the budget goes',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 1000 });
      const period = dayOf(rig);
      const hold = await admitted(rig, key, { nanoUsd: 400, period });
      assert.equal(await hold.cover(300), true);
      assert.equal(await hold.cover(1000), true);
      assert.equal(await hold.cover(1001), false);
      assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 0, reservedNanoUsd: 1000 });
      hold.settle(taken({ nanoUsd: 900 }));
      assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 900, reservedNanoUsd: 0 });
    }),
  );

  it(
    'raises what several requests hold at once no further than the budget goes',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 1000 });
      const period = dayOf(rig);
      const holds: Hold[] = [];
      for (let n = 0; n < 4; n += 1) holds.push(await admitted(rig, key, { nanoUsd: 100, period }));
      const covered = await Promise.all(holds.map(async (hold) => hold.cover(300)));
      assert.equal(covered.filter((is) => is).length, 3);
      assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 0, reservedNanoUsd: 1000 });
    }),
  );

  it(
    'begins a new period with nothing spent, and books what began before in the period before',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 1000 });
      const today = dayOf(rig);
      const late = await admitted(rig, key, { nanoUsd: 1000, period: today });
      await rig.advance(today.endMs - rig.nowMs());
      const tomorrow = dayOf(rig);
      await admitted(rig, key, { nanoUsd: 1000, period: tomorrow });
      late.settle(taken({ nanoUsd: 700 }));
      assert.deepEqual(await money(rig, key, tomorrow), { spentNanoUsd: 0, reservedNanoUsd: 1000 });
    }),
  );

  it(
    'reads what was spent before from the ledger, once, and refuses while it cannot',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 1000 });
      const period = dayOf(rig);
      const asked: [string, number][] = [];
      rig.ledger = () => {
        throw new Error('away');
      };
      await assert.rejects(async () => rig.state.reserve(key, demand(rig, { nanoUsd: 1, period })), /away/u);
      rig.ledger = (keyId, fromMs) => {
        asked.push([keyId, fromMs]);
        return 990;
      };
      const all = await Promise.all(
        [4, 4, 4, 4].map(async (nanoUsd) => rig.state.reserve(key, demand(rig, { nanoUsd, period }))),
      );
      assert.deepEqual(
        all.map((decision) => decision.isAdmitted),
        [true, true, false, false],
      );
      assert.deepEqual(asked, [[key.id, period.startMs]]);
    }),
  );

  it(
    'counts what runs in a period that a change of the budget has made',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 1000 });
      const day = dayOf(rig);
      const running = await admitted(rig, key, { nanoUsd: 300, period: day });
      const always: Period = { startMs: 0, endMs: Infinity };
      rig.ledger = () => 50;
      assert.deepEqual(await money(rig, key, always), { spentNanoUsd: 50, reservedNanoUsd: 300 });
      running.settle(taken({ nanoUsd: 200 }));
      assert.deepEqual(await money(rig, key, always), { spentNanoUsd: 250, reservedNanoUsd: 0 });
    }),
  );

  it(
    'counts what was spent without a budget, or in other periods, once a budget is there (again)',
    withRig(async (rig) => {
      const first = limitedKey({ budget: dailyBudget(1000, 1) });
      const period = dayOf(rig);
      (await admitted(rig, first, { nanoUsd: 300, period })).settle(taken({ nanoUsd: 300 }));
      const running = await admitted(rig, first, { nanoUsd: 10, period });
      // Meanwhile it had none, and nobody counted.
      rig.ledger = () => 900;
      const again = limitedKey({ budget: dailyBudget(1000, 2) });
      assert.deepEqual(await refused(rig, again, { nanoUsd: 91, period }), [
        { limit: 'budget', waitMs: period.endMs - rig.nowMs() },
      ]);
      assert.deepEqual(await rig.state.money(again, period), { spentNanoUsd: 900, reservedNanoUsd: 10 });
      running.settle(taken({ nanoUsd: 5 }));
      assert.deepEqual(await rig.state.money(again, period), { spentNanoUsd: 905, reservedNanoUsd: 0 });
      // More money in the same periods, and no other question.
      rig.ledger = () => assert.fail('it is known');
      const more = limitedKey({ budget: dailyBudget(2000, 2) });
      await admitted(rig, more, { nanoUsd: 1000, period });
    }),
  );

  it(
    'counts what the day has cost before the key had a budget, though the day began while the gateway ran',
    withRig(async (rig) => {
      await rig.advance(dayOf(rig).endMs - rig.nowMs() + 3_600_000);
      const period = dayOf(rig);
      rig.ledger = () => 900;
      await refused(rig, limitedKey({ budget: 1000 }), { nanoUsd: 101, period });
      assert.deepEqual(await rig.state.money(limitedKey({ budget: 1000 }), period), {
        spentNanoUsd: 900,
        reservedNanoUsd: 0,
      });
    }),
  );

  it(
    'tells when money may have come free',
    withRig(async (rig) => {
      const key = limitedKey({ budget: 100 });
      const period = dayOf(rig);
      const hold = await admitted(rig, key, { nanoUsd: 100, period });
      let told = 0;
      const stop = rig.state.onFreed(key.id, () => {
        told += 1;
      });
      hold.settle(taken());
      await rig.advance(1000);
      assert.ok(told > 0);
      stop();
      const before = told;
      (await admitted(rig, key, { nanoUsd: 100, period })).settle(taken());
      await rig.advance(1000);
      assert.equal(told, before);
    }),
  );
}
