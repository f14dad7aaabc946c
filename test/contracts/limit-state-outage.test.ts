// Limits among several gateways while Redis is away: each keeps to its part, budgets close, and all is well again by itself.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClientKey } from '../../src/core/client-key.ts';
import type { Decision } from '../../src/shared-state/limit-state.ts';
import { eventually } from '../support/await.ts';
import { limitedKey } from '../support/client-key.ts';
import { openKeepers, type Keeper, type Keepers } from '../support/gateway-trio.ts';
import { startRedis, withoutRedis } from '../support/redis.ts';

const period = { startMs: 0, endMs: Infinity };
const generous = 20_000;

async function reserve(keepers: Keepers, keeper: Keeper, key: ClientKey, nanoUsd = 0): Promise<Decision> {
  const expiresAtMs = keepers.clock.nowMs() + 600_000;
  return keeper.state.reserve(key, { tokens: 1, nanoUsd, period: key.budget === null ? null : period, expiresAtMs });
}

/** Asks until it is refused; how often it was not. */
async function drain(keepers: Keepers, keeper: Keeper, key: ClientKey): Promise<number> {
  for (let count = 0; ; count += 1) if (!(await reserve(keepers, keeper, key)).isAdmitted) return count;
}

async function untilAway({ all }: Keepers): Promise<void> {
  await eventually('all have noticed', () => all.every(({ connection }) => connection.isAway), generous);
}

async function untilBack({ all }: Keepers): Promise<void> {
  await eventually('all are back', () => all.every(({ connection }) => !connection.isAway), generous);
}

describe('limits without Redis', { skip: withoutRedis }, () => {
  it('each gateway keeps to its part, and what was used meanwhile counts afterwards, though Redis has forgotten all', async () => {
    await using server = await startRedis();
    await using keepers = await openKeepers(server.url);
    const key = limitedKey({ rpm: 90 });
    const [first, second, third] = keepers.all as [Keeper, Keeper, Keeper];
    assert.ok((await reserve(keepers, first, key)).isAdmitted);
    await server.kill();
    await untilAway(keepers);
    assert.equal(await drain(keepers, first, key), 29);
    assert.equal(await drain(keepers, second, key), 30);
    assert.ok(!(second.state.reserve(key, { tokens: 1, nanoUsd: 0, period: null, expiresAtMs: 0 }) instanceof Promise));
    await server.restart();
    await untilBack(keepers);
    // The two tell what they have used, though nobody asks them for more, and give back what they have in hand.
    // In steps, for Redis answers in its own time, and a question waits for the answer to the one before.
    for (let step = 0; step < 16; step += 1) await keepers.advance(500);
    assert.equal(await drain(keepers, third, key), 90 - 30 - 30);
    assert.equal(await drain(keepers, third, key), 0);
  });

  it('a budget is spent as far as money is in hand, then nobody knows; after a minute it is closed', async () => {
    await using server = await startRedis();
    await using keepers = await openKeepers(server.url, { callMs: 2000 });
    const key = limitedKey({ budget: 1_000_000 });
    const [first, second, third] = keepers.all as [Keeper, Keeper, Keeper];
    for (let i = 0; i < 10; i += 1) {
      await keepers.advance(100);
      const decision = await reserve(keepers, first, key, 10_000);
      assert.ok(decision.isAdmitted);
      if (i > 0) continue;
      decision.hold.release();
      decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 4000 });
    }
    await reserve(keepers, second, key, 1000);
    server.signal('SIGSTOP');
    await Promise.all(
      keepers.all.map((keeper) =>
        eventually(
          'it is noticed',
          async () => {
            await reserve(keepers, keeper, key, 1_000_000).catch(() => {});
            return keeper.connection.isAway;
          },
          generous,
        ),
      ),
    );
    // Something is in hand, but not everything.
    assert.ok((await reserve(keepers, first, key, 1000)).isAdmitted);
    await assert.rejects(async () => reserve(keepers, first, key, 900_000), /nobody knows/u);
    // The third has never heard of the key's spending.
    await assert.rejects(async () => reserve(keepers, third, key, 1), /nobody knows/u);
    await assert.rejects(async () => third.state.money(key, period), /nobody knows/u);
    keepers.silentMs = 60_000;
    await assert.rejects(async () => reserve(keepers, first, key, 1), /nobody knows/u);
    keepers.silentMs = 0;
    server.signal('SIGCONT');
    await untilBack(keepers);
    // Whoever is back first waits for the others to tell what they hold.
    await assert.rejects(async () => reserve(keepers, third, key, 1), /nobody knows/u);
    await keepers.advance(1500);
    assert.ok((await reserve(keepers, third, key, 1)).isAdmitted);
    const { spentNanoUsd, reservedNanoUsd } = await third.state.money(key, period);
    assert.equal(spentNanoUsd, 4000);
    assert.ok(reservedNanoUsd >= 91_001 && reservedNanoUsd <= 1_000_000, String(reservedNanoUsd));
    assert.equal(keepers.ledgerReads, 1);
  });

  it('what was spent while Redis was away counts once, though Redis has forgotten all and the ledger has it already', async () => {
    await using server = await startRedis();
    await using keepers = await openKeepers(server.url);
    const key = limitedKey({ budget: 1_000_000 });
    const [first, second, third] = keepers.all as [Keeper, Keeper, Keeper];
    const spend = async (keeper: Keeper): Promise<void> => {
      const decision = await reserve(keepers, keeper, key, 1000);
      assert.ok(decision.isAdmitted);
      decision.hold.release();
      decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 100 });
    };
    for (let i = 0; i < 6; i += 1) {
      for (const keeper of [first, second]) await spend(keeper);
      await keepers.advance(500);
    }
    await server.kill();
    await untilAway(keepers);
    for (const keeper of [first, second]) await spend(keeper);
    for (let step = 0; step < 4; step += 1) await keepers.advance(250);
    // The ledger has it all, and one more of each that it has just got.
    for (const keeper of [first, second]) await spend(keeper);
    keepers.spentBefore = 16 * 100;
    await server.restart();
    await untilBack(keepers);
    for (let step = 0; step < 40; step += 1) await keepers.advance(250);
    const { spentNanoUsd } = await third.state.money(key, period);
    // Not 2400: of what one of them had not told only the last may be counted twice, because nobody knows.
    assert.ok(spentNanoUsd >= 1600 && spentNanoUsd <= 1700, String(spentNanoUsd));
  });

  it('where budgets are to stay open, each gateway has its part of what is left', async () => {
    await using server = await startRedis();
    await server.kill();
    await using keepers = await openKeepers(server.url, { isOpenWithoutRedis: true });
    keepers.spentBefore = 100;
    const key = limitedKey({ budget: 1000 });
    const [first, second] = keepers.all as [Keeper, Keeper];
    assert.deepEqual(await first.state.money(key, period), { spentNanoUsd: 100, reservedNanoUsd: 0 });
    const decision = await reserve(keepers, first, key, 200);
    assert.ok(decision.isAdmitted);
    assert.equal(await decision.hold.cover(301), false);
    assert.equal(await decision.hold.cover(300), true);
    assert.ok(!(await reserve(keepers, first, key, 1)).isAdmitted);
    assert.ok((await reserve(keepers, second, key, 300)).isAdmitted);
    assert.deepEqual(await first.state.money(key, period), { spentNanoUsd: 100, reservedNanoUsd: 300 });
  });
});
