// What every keeper of the counters of client keys must do, wherever it keeps them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Decision, Demand } from '../../src/shared-state/limit-state.ts';
import { limitedKey } from '../support/client-key.ts';
import { mixes, playMix } from './limit-state-mix.ts';
import { moneyContract } from './limit-state-money.ts';
import { admitted, dayOf, demand, money, refused, runWith, taken, type LimitStateRig } from './limit-state-rig.ts';

const minuteMs = 60_000;
const usd = 1_000_000_000;

/** Runs the suite; `open` gives a keeper that has counted nothing. */
export function limitStateContract(name: string, open: () => Promise<LimitStateRig>): void {
  const withRig = runWith(open);

  describe(`limit state: ${name}`, () => {
    it(
      'admits as many requests as a minute allows, and one more when the first has left it',
      withRig(async (rig) => {
        const key = limitedKey({ rpm: 3 });
        for (let i = 0; i < 3; i += 1) {
          await admitted(rig, key);
          await rig.advance(1000);
        }
        assert.deepEqual(await refused(rig, key), [{ limit: 'requests', waitMs: minuteMs - 3000 }]);
        await rig.advance(minuteMs - 3001);
        assert.deepEqual(await refused(rig, key), [{ limit: 'requests', waitMs: 1 }]);
        await rig.advance(1);
        await admitted(rig, key);
      }),
    );

    it(
      'lets no second burst through at any boundary',
      withRig(async (rig) => {
        const key = limitedKey({ rpm: 10 });
        await rig.advance(minuteMs - (rig.nowMs() % minuteMs) - 100);
        for (let i = 0; i < 10; i += 1) await admitted(rig, key);
        await rig.advance(200);
        assert.equal((await refused(rig, key))[0]?.limit, 'requests');
      }),
    );

    it(
      'counts tokens as reserved, then as they were',
      withRig(async (rig) => {
        const key = limitedKey({ tpm: 1000 });
        const first = await admitted(rig, key, { tokens: 900 });
        assert.deepEqual(await refused(rig, key, { tokens: 200 }), [{ limit: 'tokens', waitMs: minuteMs }]);
        first.settle(taken({ tokens: 300 }));
        await admitted(rig, key, { tokens: 700 });
        assert.equal(rig.state.standing(key.id).tokens.used, 1000);
      }),
    );

    it(
      'counts more than was reserved too, also after the minute of the reservation is over',
      withRig(async (rig) => {
        const key = limitedKey({ tpm: 1000 });
        const first = await admitted(rig, key, { tokens: 100 });
        first.settle(taken({ tokens: 950 }));
        assert.equal((await refused(rig, key, { tokens: 100 }))[0]?.limit, 'tokens');
        await rig.advance(minuteMs);
        const long = await admitted(rig, key, { tokens: 100 });
        await rig.advance(minuteMs + 1);
        assert.equal(rig.state.standing(key.id).tokens.used, 0);
        long.settle(taken({ tokens: 950 }));
        assert.equal(rig.state.standing(key.id).tokens.used, 850);
      }),
    );

    it(
      'admits a request that wants more than the whole limit only when nothing else counts',
      withRig(async (rig) => {
        const key = limitedKey({ tpm: 1000 });
        const huge = await admitted(rig, key, { tokens: 5000 });
        assert.deepEqual(await refused(rig, key, { tokens: 1 }), [{ limit: 'tokens', waitMs: minuteMs }]);
        huge.settle(taken({ tokens: 10 }));
        assert.equal((await refused(rig, key, { tokens: 5000 }))[0]?.limit, 'tokens');
        await rig.advance(minuteMs);
        await admitted(rig, key, { tokens: 5000 });
      }),
    );

    it(
      'gives a place back when the request has ended, once',
      withRig(async (rig) => {
        const key = limitedKey({ maxConcurrency: 2 });
        const first = await admitted(rig, key);
        const second = await admitted(rig, key);
        assert.deepEqual(await refused(rig, key), [{ limit: 'concurrency', waitMs: null }]);
        first.release();
        first.release();
        first.settle(taken());
        await admitted(rig, key);
        second.settle(taken());
        assert.equal((await refused(rig, key))[0]?.limit, 'concurrency');
        second.release();
        await admitted(rig, key);
      }),
    );

    it(
      'takes back what nobody has settled in time, and books the truth when it comes after all',
      withRig(async (rig) => {
        const key = limitedKey({ maxConcurrency: 1, budget: usd });
        const period = dayOf(rig);
        const lost = await admitted(rig, key, { nanoUsd: 600, period, expiresAtMs: rig.nowMs() + 1000 });
        assert.equal((await refused(rig, key, { period }))[0]?.limit, 'concurrency');
        await rig.advance(1000);
        const next = await admitted(rig, key, { nanoUsd: 100, period });
        assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 600, reservedNanoUsd: 100 });
        lost.settle(taken({ nanoUsd: 200 }));
        assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 200, reservedNanoUsd: 100 });
        assert.equal((await refused(rig, key, { period }))[0]?.limit, 'concurrency');
        next.settle(taken());
      }),
    );

    it(
      'takes all or nothing',
      withRig(async (rig) => {
        const period = dayOf(rig);
        const key = limitedKey({ rpm: 2, tpm: 100, maxConcurrency: 2, budget: 100 });
        const inTheWay: readonly Partial<Demand>[] = [{ tokens: 60 }, { nanoUsd: 60 }];
        const first = await admitted(rig, key, { tokens: 50, nanoUsd: 50, period });
        for (const one of inTheWay) {
          assert.equal((await refused(rig, key, { tokens: 1, nanoUsd: 1, ...one, period })).length, 1);
        }
        assert.equal(rig.state.standing(key.id).requests.used, 1);
        assert.equal(rig.state.standing(key.id).tokens.used, 50);
        assert.equal((await money(rig, key, period)).reservedNanoUsd, 50);
        await admitted(rig, key, { tokens: 50, nanoUsd: 50, period });
        const everything = await refused(rig, key, { tokens: 1, nanoUsd: 1, period });
        assert.deepEqual(
          everything.map(({ limit }) => limit),
          ['requests', 'tokens', 'concurrency', 'budget'],
        );
        first.release();
        first.settle(taken({ countsAsRequest: false }));
        await admitted(rig, key, { tokens: 50, nanoUsd: 50, period });
      }),
    );

    it(
      'admits what passes a watched limit, says so, and counts it as if it had been refused, but for its money',
      withRig(async (rig) => {
        const period = dayOf(rig);
        const key = limitedKey({ rpm: 1, maxConcurrency: 5, budget: 10, limitsMode: 'shadow', budgetMode: 'shadow' });
        const reserve = async (): Promise<Decision & { isAdmitted: true }> => {
          const decision = await rig.state.reserve(key, demand(rig, { nanoUsd: 10, period }));
          assert.ok(decision.isAdmitted);
          return decision;
        };
        assert.deepEqual((await reserve()).passed, []);
        const second = await reserve();
        assert.deepEqual(
          second.passed.map(({ limit }) => limit),
          ['requests', 'budget'],
        );
        assert.equal(await second.hold.cover(1000), true);
        assert.equal(rig.state.standing(key.id).requests.used, 1);
        second.hold.settle(taken({ nanoUsd: 7 }));
        assert.equal(rig.state.standing(key.id).requests.used, 1);
        assert.deepEqual(await money(rig, key, period), { spentNanoUsd: 7, reservedNanoUsd: 10 });
        const enforced = { ...key, budgetMode: 'enforce' as const };
        assert.deepEqual(
          (await refused(rig, enforced, { nanoUsd: 1, period })).map(({ limit }) => limit),
          ['requests', 'budget'],
        );
      }),
    );

    it(
      'keeps counting when the limits change, and counts each key for itself',
      withRig(async (rig) => {
        const key = limitedKey({ rpm: 2 });
        await admitted(rig, key);
        await admitted(rig, key);
        assert.equal((await refused(rig, { ...key, rpm: 2 })).length, 1);
        await admitted(rig, { ...key, rpm: 3 });
        assert.equal((await refused(rig, { ...key, rpm: 1 })).length, 1);
        await admitted(rig, limitedKey({ rpm: 1, id: 'key_other' }));
      }),
    );

    moneyContract(withRig);

    it('keeps every limit in any mix of requests, and holds nothing when all are over', async () => {
      await fc.assert(
        fc.asyncProperty(mixes, async ({ rpm, tpm, places, budget, steps }) => {
          const rig = await open();
          try {
            await playMix(rig, limitedKey({ rpm, tpm, maxConcurrency: places, budget }), steps);
          } finally {
            await rig.close();
          }
        }),
        { numRuns: 100 },
      );
    });
  });
}
