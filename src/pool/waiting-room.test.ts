// The queue: fair between flows, first come first served within one, and nobody waits longer than they may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../core/secret.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { FakeClock } from '../../test/support/clock.ts';
import { FairQueue } from './fair-queue.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';
import { WaitingRooms } from './waiting-room.ts';

const wish = { providerId: 'p', model: 'm', tokens: 10, tried: [] };

function setUp(limits: { rpm?: number; max_concurrency?: number }): {
  pool: Pool;
  clock: FakeClock;
  rooms: WaitingRooms;
} {
  const pool = new Pool();
  const account = {
    id: 'a',
    providerId: 'p',
    label: 'a',
    credential: new Secret('x'),
    authHeaders: () => [],
    credentialVersion: '',
    isActive: true,
    weight: 1,
    priority: 0,
    quotaGroup: null,
    allowedModels: [],
    limits,
    organization: null,
    project: null,
  };
  pool.apply({ accounts: [account] });
  const clock = new FakeClock();
  return { pool, clock, rooms: new WaitingRooms(pool, clock, () => 0) };
}

test('whoever waits is served in turn as the limit refills, not before', async () => {
  const { pool, clock, rooms } = setUp({ rpm: 60 });
  for (let i = 0; i < 60; i += 1) pool.acquire(wish, clock.nowMs(), 0);
  const served: string[] = [];
  const waits = ['a', 'b', 'c'].map(async (name) => {
    const lease = await rooms.wait({
      wish,
      flow: 'one',
      untilMs: clock.nowMs() + 10_000,
      cancellation: new Cancellation(),
    });
    assert.ok(lease);
    served.push(name);
  });
  await clock.advance(999);
  assert.deepEqual(served, []);
  await clock.advance(2);
  assert.deepEqual(served, ['a']);
  await clock.advance(1000);
  assert.deepEqual(served, ['a', 'b']);
  await clock.advance(1000);
  await Promise.all(waits);
  assert.equal(rooms.waiting, 0);
  assert.equal(clock.waiting, 0, 'no timer stays');
});

test('a slot that is given back goes to who waits, at once; one who has gone is passed over', async () => {
  const { pool, clock, rooms } = setUp({ max_concurrency: 1 });
  const first = pool.acquire(wish, clock.nowMs(), 0);
  assert.ok(first instanceof Lease);
  const gone = new Cancellation<string>();
  const untilMs = clock.nowMs() + 5000;
  const one = rooms.wait({ wish, flow: 'x', untilMs, cancellation: gone });
  const two = rooms.wait({ wish, flow: 'x', untilMs, cancellation: new Cancellation() });
  const three = rooms.wait({ wish, flow: 'x', untilMs, cancellation: new Cancellation() });
  assert.equal(rooms.isBusy(wish), true);
  gone.cancel('client_gone');
  assert.equal(await one, undefined);
  first[Symbol.dispose]();
  assert.ok((await two) instanceof Lease);
  await clock.advance(5001);
  assert.equal(await three, undefined, 'its time was up');
  assert.equal(rooms.isBusy(wish), false);
  assert.equal(clock.waiting, 0);
});

test('one that floods gets no more than its share while another wants something too', () => {
  const queue = new FairQueue<string>();
  for (let i = 0; i < 100; i += 1) queue.add('loud', 'loud', 500);
  for (let i = 0; i < 10; i += 1) queue.add('quiet', 'quiet', 500);
  const order = Array.from({ length: 20 }, () => queue.takeFirst());
  assert.ok(order.filter((name) => name === 'quiet').length >= 8, order.join(' '));
});

test('a flood of small requests is a flood too', () => {
  const queue = new FairQueue<string>();
  for (let i = 0; i < 100; i += 1) queue.add('loud', 'loud', 10);
  for (let i = 0; i < 10; i += 1) queue.add('quiet', 'quiet', 10);
  const order = Array.from({ length: 20 }, () => queue.takeFirst());
  assert.ok(order.filter((name) => name === 'quiet').length >= 8, order.join(' '));
});

test('shares are counted in tokens: dear requests have fewer turns', () => {
  const queue = new FairQueue<number>();
  for (let i = 0; i < 100; i += 1) {
    queue.add('dear', 2000, 2000);
    queue.add('cheap', 500, 500);
  }
  const spent = { 2000: 0, 500: 0 };
  for (let i = 0; i < 50; i += 1) {
    const cost = queue.takeFirst() as 2000 | 500;
    spent[cost] += cost;
  }
  assert.ok(spent[2000] / spent[500] > 0.7 && spent[2000] / spent[500] < 1.4, JSON.stringify(spent));
});

test('what counts as more tokens than anybody has is found its turn at once', () => {
  const queue = new FairQueue<string>();
  // The largest limits that a body can name: a round of turns for every thousand tokens would never end.
  for (const name of ['a', 'b']) queue.add(name, name, 7e10 * (name === 'a' ? 1.5 : 1));
  assert.equal(queue.takeFirst(), 'b', 'the cheaper one has saved enough first');
  queue.add('b', 'b', 8e31);
  queue.add('c', 'c', Number.POSITIVE_INFINITY);
  assert.deepEqual([queue.takeFirst(), queue.takeFirst(), queue.takeFirst()].sort(), ['a', 'b', 'c']);
});

test('the first stays the first until it is taken, and removing leaves the others in order', () => {
  const queue = new FairQueue<string>();
  queue.add('a', 'a1', 5000);
  queue.add('a', 'a2', 1);
  queue.add('b', 'b1', 1);
  assert.equal(queue.first(), queue.first());
  queue.remove('a', 'a1');
  queue.remove('a', 'nobody');
  assert.deepEqual(new Set([queue.takeFirst(), queue.takeFirst()]), new Set(['a2', 'b1']));
  assert.equal(queue.takeFirst(), undefined);
  assert.equal(queue.length, 0);
});
