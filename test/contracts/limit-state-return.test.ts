// Gateways that come back to a store one after the other: what one of them holds is not given to another before it could tell.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientKey } from '../../src/core/client-key.ts';
import type { Decision } from '../../src/shared-state/limit-state.ts';
import { limitedKey } from '../support/client-key.ts';
import { ForgetfulPlace, type ForgetfulConnection } from '../support/forgetful-store.ts';
import { openKeepersOn, type Keeper, type Keepers } from '../support/gateway-trio.ts';

const period = { startMs: 0, endMs: Infinity };

/** Two gateways, and what stands between them. */
async function openPair(isOpenWithoutRedis = false): Promise<{
  readonly place: ForgetfulPlace;
  readonly keepers: Keepers;
  readonly connections: readonly [ForgetfulConnection, ForgetfulConnection];
}> {
  const place = new ForgetfulPlace();
  const connections = [place.connect(), place.connect()] as const;
  const left = [...connections];
  const keepers = await openKeepersOn(async () => left.shift() ?? place.connect(), { count: 2, isOpenWithoutRedis });
  return { place, keepers, connections };
}

async function isAdmitted({ state }: Keeper, key: ClientKey, nanoUsd = 0): Promise<boolean> {
  const of = { tokens: 1, nanoUsd, period: key.budget === null ? null : period, expiresAtMs: Infinity };
  return Promise.resolve(state.reserve(key, of)).then(
    (decision: Decision) => decision.isAdmitted,
    () => false,
  );
}

test('money and places that a slower gateway holds are not given to the first that is back, though the store has forgotten all', async () => {
  const { place, keepers, connections } = await openPair();
  const [first, second] = keepers.all as [Keeper, Keeper];
  const paid = limitedKey({ id: 'key_paid', budget: 1000 });
  const placed = limitedKey({ id: 'key_placed', maxConcurrency: 10 });
  assert.ok(await isAdmitted(second, paid, 900));
  for (let i = 0; i < 9; i += 1) assert.ok(await isAdmitted(second, placed));
  for (const connection of connections) connection.lose();
  place.forgetAll();
  await keepers.advance(2000);
  connections[0].comeBack();
  assert.ok(!(await isAdmitted(first, paid, 200)));
  for (let i = 0; i < 5; i += 1) await isAdmitted(first, placed);
  assert.ok(!(await isAdmitted(first, placed)), 'more than its part');
  await keepers.advance(1000);
  assert.ok(!(await isAdmitted(first, paid, 200)));
  connections[1].comeBack();
  await keepers.advance(2000);
  assert.ok(!(await isAdmitted(first, paid, 101)));
  assert.ok(await isAdmitted(first, paid, 100));
  assert.ok(!(await isAdmitted(first, placed)));
  await keepers[Symbol.asyncDispose]();
});

/** A request that is over at once; whether it was let in. */
async function isServed({ state }: Keeper, key: ClientKey): Promise<boolean> {
  const decision = await state.reserve(key, { tokens: 1, nanoUsd: 0, period: null, expiresAtMs: Infinity });
  if (!decision.isAdmitted) return false;
  decision.hold.release();
  decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 0 });
  return true;
}

for (const isFirstQuiet of [false, true]) {
  const who = isFirstQuiet ? 'a gateway that had nothing to tell' : 'both gateways';
  test(`after a long outage the limit holds in the minute in which the store is back, though ${who} had used much`, async () => {
    const { place, keepers, connections } = await openPair();
    const [first, second] = keepers.all as [Keeper, Keeper];
    const key = limitedKey({ rpm: 100 });
    // Before the outage all of the limit was at the second.
    for (let i = 0; i < 95; i += 1) {
      assert.ok(await isServed(second, key));
      await keepers.advance(20);
    }
    for (const connection of connections) connection.lose();
    place.forgetAll();
    for (let step = 0; step < 240; step += 1) await keepers.advance(500);
    let served = 0;
    const demand = async (who: readonly Keeper[], forMs: number): Promise<void> => {
      for (let ms = 0; ms < forMs; ms += 20) {
        for (const keeper of who) if (await isServed(keeper, key)) served += 1;
        await keepers.advance(20);
      }
    };
    await demand(isFirstQuiet ? [second] : [first, second], 2000);
    connections[1].comeBack();
    await demand([second], 200);
    connections[0].comeBack();
    await demand([first, second], 10_000);
    assert.ok(served >= 95 && served <= 100, `${served} in less than a minute`);
    await keepers[Symbol.asyncDispose]();
  });
}

test('a limit that is hardly used refuses nobody when the store is back', async () => {
  const { place, keepers, connections } = await openPair();
  const [first, second] = keepers.all as [Keeper, Keeper];
  const key = limitedKey({ rpm: 100 });
  for (const connection of connections) connection.lose();
  place.forgetAll();
  await keepers.advance(2000);
  for (const keeper of [first, second]) assert.ok(await isServed(keeper, key));
  for (const connection of connections) connection.comeBack();
  for (let step = 0; step < 16; step += 1) await keepers.advance(100);
  for (let i = 0; i < 80; i += 1) assert.ok(await isServed(second, key), `after ${i} more`);
  await keepers[Symbol.asyncDispose]();
});

test('whoever is back first keeps the money that it has in hand, and gets none that a slower one may hold', async () => {
  const { place, keepers, connections } = await openPair();
  const [first, second] = keepers.all as [Keeper, Keeper];
  const key = limitedKey({ budget: 10_000 });
  assert.ok(await isAdmitted(second, key, 9900));
  for (let i = 0; i < 4; i += 1) assert.ok(await isAdmitted(first, key, 5));
  // More than there is: it would have liked to have some more in hand.
  assert.ok(!(await isAdmitted(first, key, 100)));
  for (const connection of connections) connection.lose();
  place.forgetAll();
  await keepers.advance(1000);
  connections[0].comeBack();
  await keepers.advance(500);
  assert.ok(await isAdmitted(first, key, 5), 'it is in hand');
  await keepers.advance(500);
  connections[1].comeBack();
  await keepers.advance(1000);
  assert.ok(!(await isAdmitted(first, key, 76)));
  // The other gives back what it has in hand, for it is asked for nothing.
  for (let step = 0; step < 8; step += 1) await keepers.advance(500);
  assert.ok(await isAdmitted(first, key, 75));
});

test('a question that is not answered leaves the money in hand, and no more', async () => {
  const { keepers, connections } = await openPair();
  const [first] = keepers.all as [Keeper];
  const key = limitedKey({ budget: 1_000_000 });
  for (let i = 0; i < 20; i += 1) {
    assert.ok(await isAdmitted(first, key, 1000));
    await keepers.advance(100);
  }
  connections[0].falter();
  // What was given counts no more after fourteen seconds, so that each request asks.
  await keepers.advance(20_000);
  assert.equal((await first.state.money(key, period)).spentNanoUsd, 0);
  assert.ok(!(await isAdmitted(first, key, 900_000)));
});

test('where budgets are to stay open, money in hand is spent though it is more than an equal part', async () => {
  const { keepers, connections } = await openPair(true);
  const [first] = keepers.all as [Keeper];
  const key = limitedKey({ budget: 1000 });
  assert.ok(await isAdmitted(first, key, 900));
  connections[0].lose();
  assert.ok(await isAdmitted(first, key, 5));
  assert.ok(!(await isAdmitted(first, key, 100)), 'the rest may be at the other');
});

test('a budget that is only watched keeps nobody out while the store is away', async () => {
  const { keepers, connections } = await openPair();
  const [first] = keepers.all as [Keeper];
  const key = limitedKey({ budget: 1000, budgetMode: 'shadow' });
  assert.ok(await isAdmitted(first, key, 900));
  connections[0].lose();
  assert.ok(await isAdmitted(first, key, 900));
});

test('who waits for money that another gateway holds hears half a second after it was told that it is free', async () => {
  const { keepers } = await openPair();
  const [first, second] = keepers.all as [Keeper, Keeper];
  const key = limitedKey({ budget: 1000 });
  const decision = await first.state.reserve(key, { tokens: 1, nanoUsd: 1000, period, expiresAtMs: Infinity });
  assert.ok(decision.isAdmitted);
  assert.ok(!(await isAdmitted(second, key, 100)));
  await keepers.advance(1000);
  let told = 0;
  second.state.onFreed(key.id, () => {
    told += 1;
  });
  await keepers.advance(2000);
  decision.hold.release();
  decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 0 });
  // The first tells it seven seconds after its last word.
  for (let step = 0; step < 10; step += 1) await keepers.advance(500);
  assert.ok(told > 0);
  assert.ok(await isAdmitted(second, key, 100));
});

test('money in hand is not spent while the store has forgotten all and the ledger cannot tell', async () => {
  const { place, keepers } = await openPair();
  const [first] = keepers.all as [Keeper, Keeper];
  const key = limitedKey({ budget: 1_000_000 });
  for (let i = 0; i < 20; i += 1) {
    assert.ok(await isAdmitted(first, key, 1000));
    await keepers.advance(100);
  }
  place.forgetAll();
  Object.defineProperty(keepers, 'spentBefore', { get: () => assert.fail('the disk is gone') });
  // A key that has been changed is asked for anew.
  const changed = { ...key };
  for (let i = 0; i < 3; i += 1) assert.ok(!(await isAdmitted(first, changed, 1000)), String(i));
});
