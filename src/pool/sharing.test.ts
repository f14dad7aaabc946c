// Pools of several gateways as one: what one learns holds for all, at once or a second later, and an outage ends by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolAccount } from '../../test/support/pool-account.ts';
import { Ground, reading, wish } from '../../test/support/pool-ground.ts';
import { failureOf, type FailureKind } from '../core/failure.ts';
import { Lease } from './lease.ts';
import type { Obstacle } from './select.ts';

const benches: readonly {
  kind: FailureKind;
  /** What stands against a and b for gpt-4, then for another model. */
  expected: readonly [a: Obstacle[], b: Obstacle[], aElsewhere: Obstacle[]];
}[] = [
  { kind: 'invalid_api_key', expected: [['benched'], [], ['benched']] },
  { kind: 'model_not_found', expected: [['benched'], [], []] },
  { kind: 'rate_limited', expected: [['benched'], ['benched'], []] },
  { kind: 'insufficient_quota', expected: [['benched'], ['benched'], ['benched']] },
];

for (const { kind, expected } of benches) {
  test(`a bench for ${kind} holds on all gateways at once, and on one that starts later`, async () => {
    const ground = new Ground(
      poolAccount('a', { quotaGroup: 'g' }),
      poolAccount('b', { quotaGroup: 'g' }),
      poolAccount('c'),
    );
    const [first, second] = [await ground.start(), await ground.start()];
    ground.fail(first, 'a', kind);
    await ground.clock.advance(0);
    const late = await ground.start();
    for (const pool of [first, second, late]) {
      const found = ground.obstacles(pool);
      assert.deepEqual([found['a'], found['b'], ground.obstacles(pool, 'gpt-4o')['a'], found['c']], [...expected, []]);
    }
    const ends = [first, second, late].map((pool) => pool.member('a')?.benchFor('gpt-4', ground.clock.nowMs()));
    assert.deepEqual(ends[1], ends[0]);
    assert.deepEqual(ends[2], ends[0]);
    await ground.clock.advance((ends[0]?.untilMs ?? 0) - ground.clock.nowMs());
    for (const pool of [first, second, late])
      assert.deepEqual(Object.values(ground.obstacles(pool)).flat(), [], 'it ends everywhere');
  });
}

test('a circuit that opens is open everywhere, for its model alone, and each gateway lets one request try', async () => {
  const ground = new Ground(poolAccount('a'), poolAccount('b'));
  const [first, second] = [await ground.start(), await ground.start()];
  for (let i = 0; i < 5; i += 1) ground.fail(first, 'a', 'upstream_error');
  await ground.clock.advance(0);
  for (const pool of [first, second]) assert.deepEqual(ground.obstacles(pool), { a: ['circuit_open'], b: [] });
  assert.deepEqual(ground.obstacles(second, 'gpt-4o'), { a: [], b: [] });
  await ground.clock.advance(10_000);
  using trial = ground.take(second, 'a');
  assert.deepEqual(ground.obstacles(second)['a'], ['circuit_open']);
  // Somebody else's has failed meanwhile: twice as long, for all.
  ground.fail(first, 'a', 'upstream_error');
  await ground.clock.advance(20);
  trial.report(failureOf('upstream_error', 'late'), ground.clock.nowMs());
  await ground.clock.advance(19_000);
  assert.deepEqual(ground.obstacles(second)['a'], ['circuit_open']);
  await ground.clock.advance(1000);
  assert.deepEqual(ground.obstacles(second)['a'], []);
});

test('what is lifted on one is lifted on all, also what an account of the same quota was benched for', async () => {
  const ground = new Ground(poolAccount('a', { quotaGroup: 'g' }), poolAccount('b', { quotaGroup: 'g' }));
  const [first, second] = [await ground.start(), await ground.start()];
  ground.fail(first, 'b', 'invalid_api_key');
  ground.fail(first, 'a', 'rate_limited', 60_000);
  await ground.clock.advance(30);
  assert.deepEqual(ground.obstacles(second), { a: ['benched'], b: ['benched'] });
  second.unbench('b');
  await ground.clock.advance(30);
  for (const pool of [first, second, await ground.start()]) assert.deepEqual(ground.obstacles(pool), { a: [], b: [] });
  await ground.clock.advance(3000);
  assert.deepEqual(ground.obstacles(first), { a: [], b: [] }, 'it does not come back');
});

test('a bench of the old credential does not hold for the new one', async () => {
  const ground = new Ground(poolAccount('a'));
  const [first, second] = [await ground.start(), await ground.start([poolAccount('a', { credentialVersion: 'next' })])];
  ground.fail(first, 'a', 'invalid_api_key');
  await ground.clock.advance(1000);
  assert.deepEqual([ground.obstacles(first)['a'], ground.obstacles(second)['a']], [['benched'], []]);
});

test('news of an account, or of a credential, that a gateway does not have yet holds a second after it has', async () => {
  const ground = new Ground(poolAccount('a'), poolAccount('b'));
  const [first, second] = [await ground.start(), await ground.start([poolAccount('a', { credentialVersion: 'old' })])];
  for (const id of ['a', 'b']) ground.fail(first, id, 'invalid_api_key');
  await ground.clock.advance(5000);
  assert.deepEqual(ground.obstacles(second), { a: [] });
  second.apply({ accounts: ground.accounts });
  await ground.clock.advance(1000);
  assert.deepEqual(ground.obstacles(second), { a: ['benched'], b: ['benched'] });
});

test('what was missed in an outage is known after it, also where the server has forgotten all', async () => {
  for (const isEmpty of [false, true]) {
    const ground = new Ground(poolAccount('a'), poolAccount('b'));
    const [first, second] = [await ground.start(), await ground.start()];
    ground.hub.cut();
    ground.fail(first, 'a', 'invalid_api_key');
    await ground.clock.advance(5000);
    assert.deepEqual(ground.obstacles(second)['a'], []);
    ground.hub.heal(isEmpty);
    await ground.clock.advance(20);
    assert.deepEqual(ground.obstacles(second)['a'], ['benched']);
    assert.deepEqual(ground.obstacles(await ground.start())['a'], ['benched']);
  }
});

test('a word of the upstream to one holds for all, less what each has sent since', async () => {
  const ground = new Ground(poolAccount('a'));
  const [first, second, third] = [await ground.start(), await ground.start(), await ground.start()];
  using lease = ground.take(first, 'a');
  await ground.clock.advance(200);
  lease.learnQuota(
    reading({ limitRequests: 600, remainingRequests: 300, limitTokens: 60_000, remainingTokens: 30_000 }),
    ground.clock.nowMs(),
  );
  const leases = [second, second, third].map((pool) => ground.take(pool, 'a', 1000));
  await ground.clock.advance(100);
  // 300 ms have refilled 3 requests and 300 tokens. The others cannot tell whether the word has counted the request that
  // it answers, and take it that it has not.
  const shown = (): number[][] => [first, second, third].map((pool) => ground.left(pool, 'a'));
  assert.deepEqual(shown(), [
    [300, 27_300],
    [299, 27_290],
    [299, 27_290],
  ]);
  leases[0]?.refund();
  await ground.clock.advance(100);
  assert.deepEqual(shown(), [
    [302, 28_400],
    [301, 28_390],
    [301, 28_390],
  ]);
});

test('an older word than the known one changes nothing', async () => {
  const ground = new Ground(poolAccount('a'));
  const [first, second] = [await ground.start(), await ground.start()];
  using old = ground.take(first, 'a');
  await ground.clock.advance(200);
  using fresh = ground.take(second, 'a');
  await ground.clock.advance(200);
  fresh.learnQuota(reading({ limitRequests: 600, remainingRequests: 100 }), ground.clock.nowMs());
  old.learnQuota(reading({ limitRequests: 600, remainingRequests: 500 }), ground.clock.nowMs());
  await ground.clock.advance(100);
  assert.deepEqual(
    [first, second].map((pool) => ground.left(pool, 'a')[0]),
    [102, 103],
  );
});

test('the owner of a quota that one has learned is known to all', async () => {
  const ground = new Ground(poolAccount('a'), poolAccount('b'));
  const [first, second] = [await ground.start(), await ground.start()];
  for (const id of ['a', 'b']) {
    using lease = ground.take(first, id);
    lease.learnOwner({ organization: 'org' });
  }
  await ground.clock.advance(20);
  assert.equal(second.member('a')?.group, second.member('b')?.group);
  assert.equal(second.member('a')?.group.id, 'openai/org');
  await ground.clock.advance(1000);
  assert.equal(ground.hub.told.length, 1, 'who hears it does not tell it on');
});

test('a hundred requests are one message, and an idle pool says nothing', async () => {
  const ground = new Ground(poolAccount('a'), poolAccount('b'));
  const [first] = [await ground.start(), await ground.start()];
  await ground.clock.advance(10_000);
  assert.deepEqual(ground.hub.told, []);
  for (let i = 0; i < 100; i += 1) {
    using lease = ground.take(first, i % 2 === 0 ? 'a' : 'b');
    lease.learnQuota(reading({ limitRequests: 600, remainingRequests: 500 - i }), ground.clock.nowMs());
  }
  await ground.clock.advance(10_000);
  assert.equal(ground.hub.told.length, 1);
});

test('while nobody hears the others, each keeps to its share of what is left', async () => {
  const ground = new Ground(poolAccount('a', { limits: { rpm: 90 } }));
  const pools = [await ground.start(), await ground.start(), await ground.start()];
  ground.hub.cut();
  const taken = pools.map((pool) => {
    let count = 0;
    while (pool.acquire(wish, ground.clock.nowMs(), 0) instanceof Lease) count += 1;
    return count;
  });
  assert.deepEqual(taken, [30, 30, 30]);
  await ground.clock.advance(10_000);
  const again = pools.map((pool) => pool.acquire(wish, ground.clock.nowMs(), 0) instanceof Lease);
  assert.deepEqual(again, [true, true, true], 'and to its share of what refills');
  ground.hub.heal();
  assert.equal(pools[0]?.parties, 1);
});

test('news that is not understood is passed over', async () => {
  const ground = new Ground(poolAccount('a'));
  const pool = await ground.start();
  const other = ground.hub.open();
  for (const text of ['', 'x', '{}', '[]', '{"quotas":[{}],"rests":[],"owners":[],"lifted":[]}']) other.tell(text);
  other.tell(JSON.stringify({ quotas: [], rests: [], owners: [], lifted: ['nobody'] }));
  other.keep([{ name: 'x', text: '{"scope":"moon"}', untilMs: ground.clock.nowMs() + 1000 }]);
  await ground.clock.advance(1000);
  assert.deepEqual(ground.obstacles(pool), { a: [] });
});
