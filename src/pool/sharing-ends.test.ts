// What ends among pools that are one: rests that are lifted or longer elsewhere, news that is old, gateways that stop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolAccount } from '../../test/support/pool-account.ts';
import { Ground, reading } from '../../test/support/pool-ground.ts';
import { QuotaDrafts } from './news.ts';

test('what is lifted is lifted also for a credential that a gateway does not have yet', async () => {
  for (const isLiftedHere of [false, true]) {
    const ground = new Ground(poolAccount('a'));
    const old = [poolAccount('a', { credentialVersion: 'old' })];
    const [first, second] = [await ground.start(), await ground.start(old)];
    ground.fail(first, 'a', 'invalid_api_key');
    await ground.clock.advance(100);
    (isLiftedHere ? second : first).unbench('a');
    await ground.clock.advance(100);
    second.apply({ accounts: ground.accounts });
    await ground.clock.advance(2000);
    assert.deepEqual(ground.obstacles(second), { a: [] }, String(isLiftedHere));
  }
});

test('news of accounts that a gateway never gets is forgotten when it has ended, and keeps none out that comes later', async () => {
  const strangers = Array.from({ length: 1000 }, (_, n) => poolAccount(`stranger-${n}`));
  const ground = new Ground(...strangers, poolAccount('a'));
  const [first, second] = [await ground.start(), await ground.start([])];
  for (const { id } of strangers) ground.fail(first, id, 'invalid_api_key');
  await ground.clock.advance(400_000);
  ground.fail(first, 'a', 'invalid_api_key');
  await ground.clock.advance(2000);
  second.apply({ accounts: [poolAccount('a')] });
  await ground.clock.advance(1000);
  assert.deepEqual(ground.obstacles(second), { a: ['benched'] });
});

test('of two rests that gateways have found the later end stays on both', async () => {
  const ground = new Ground(poolAccount('a'));
  const pools = [await ground.start(), await ground.start()] as const;
  ground.hub.cut();
  ground.fail(pools[0], 'a', 'rate_limited', 60_000);
  ground.fail(pools[1], 'a', 'rate_limited', 10_000);
  ground.hub.heal();
  await ground.clock.advance(30);
  const ends = pools.map((pool) => pool.member('a')?.benchFor('gpt-4', ground.clock.nowMs())?.untilMs);
  assert.equal(ends[0], ends[1]);
  assert.ok((ends[0] ?? 0) > ground.clock.nowMs() + 50_000);
});

test('what is lifted while the others cannot be told stays lifted afterwards, on all, whatever the server has kept', async () => {
  for (const isEmpty of [false, true]) {
    const ground = new Ground(poolAccount('a', { quotaGroup: 'g' }), poolAccount('b', { quotaGroup: 'g' }));
    const [first, second] = [await ground.start(), await ground.start()];
    ground.fail(first, 'b', 'invalid_api_key');
    ground.fail(first, 'a', 'rate_limited', 60_000);
    await ground.clock.advance(30);
    ground.hub.cut();
    await ground.clock.advance(1000);
    second.unbench('b');
    await ground.clock.advance(1000);
    ground.fail(second, 'b', 'rate_limited', 10_000);
    ground.hub.heal(isEmpty);
    await ground.clock.advance(2000);
    const third = await ground.start();
    await ground.clock.advance(2000);
    // What has come since the lifting is told: b's quota rests for ten seconds, and with it a's.
    for (const pool of [first, second, third])
      assert.deepEqual(ground.obstacles(pool), { a: ['benched'], b: ['benched'] }, String(isEmpty));
    await ground.clock.advance(10_000);
    for (const pool of [first, second, third])
      assert.deepEqual(ground.obstacles(pool), { a: [], b: [] }, String(isEmpty));
  }
});

test('what is lifted while a gateway asks what rests is not brought back by the answer', async () => {
  const ground = new Ground(poolAccount('a'), poolAccount('b'));
  const [first, second] = [await ground.start(), await ground.start()];
  for (const id of ['a', 'b']) ground.fail(first, id, 'invalid_api_key');
  await ground.clock.advance(30);
  // Both ask; what they are answered was true a moment ago.
  ground.hub.heal();
  first.unbench('a');
  await ground.clock.advance(2000);
  for (const pool of [first, second]) assert.deepEqual(ground.obstacles(pool), { a: [], b: ['benched'] });
});

test('a gateway that ends tells what it has not told yet, hears nothing more, and leaves no timer behind', async () => {
  const ground = new Ground(poolAccount('a'), poolAccount('b'));
  const first = await ground.start();
  const timers = ground.clock.waiting;
  const { pool, sharing } = await ground.startSharing();
  ground.fail(pool, 'a', 'invalid_api_key');
  sharing.stop();
  assert.equal(ground.clock.waiting, timers);
  assert.deepEqual(ground.obstacles(first), { a: ['benched'], b: [] });
  ground.fail(first, 'b', 'invalid_api_key');
  ground.hub.heal();
  await ground.clock.advance(5000);
  assert.deepEqual(ground.obstacles(pool), { a: ['benched'], b: [] });
  assert.equal(ground.clock.waiting, timers);
});

test('a gateway that ends while it asks what the others keep does not ask again', async () => {
  const ground = new Ground(poolAccount('a'));
  const { sharing } = await ground.startSharing();
  ground.hub.heal();
  sharing.stop();
  await ground.clock.advance(0);
  assert.equal(ground.clock.waiting, 0);
});

test('however often the others come back, one timer asks what they keep', async () => {
  const ground = new Ground(poolAccount('a'));
  await ground.start();
  const timers = ground.clock.waiting;
  for (let n = 0; n < 5; n += 1) {
    ground.hub.heal();
    await ground.clock.advance(30);
  }
  assert.equal(ground.clock.waiting, timers);
});

test('of two words that are told together the one on the later request counts', () => {
  const drafts = new QuotaDrafts();
  drafts.read('a', 'gpt-4', reading({ remainingRequests: 5 }), 2000);
  drafts.read('a', 'gpt-4', reading({ remainingRequests: 9 }), 1000);
  const [news] = drafts.take(3000);
  assert.deepEqual([news?.word?.remainingRequests, news?.word?.ageMs], [5, 1000]);
  assert.deepEqual(drafts.take(3000), []);
});
