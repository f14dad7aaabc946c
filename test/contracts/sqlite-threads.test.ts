// The embedded database when one of its threads ends: who waits hears of it, nothing is done by half, and the next call begins a new one.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { StorageError, type RouteRow, type Storage } from '../../src/storage/storage.ts';
import { FakeClock } from '../support/clock.ts';

const root = mkdtempSync(join(tmpdir(), 'aigateway-threads-'));
after(() => rmSync(root, { recursive: true, force: true }));

const threads: Worker[] = [];
process.on('worker', (worker) => threads.push(worker));

interface Rig {
  readonly storage: Storage;
  readonly clock: FakeClock;
  /** Ends the thread that was begun last. */
  readonly end: () => Promise<void>;
  /** How many threads were begun. */
  readonly begun: () => number;
  [Symbol.asyncDispose](): Promise<void>;
}

async function open(): Promise<Rig> {
  const before = threads.length;
  const clock = new FakeClock();
  const storage = await openSqliteStorage(join(mkdtempSync(join(root, 'case-')), 'aigateway.db'), clock);
  return {
    storage,
    clock,
    end: async () => void (await threads.at(-1)?.terminate()),
    begun: () => threads.length - before,
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

const route = (id: string): RouteRow => ({ id, pattern: id, provider_id: 'p', model: null, fallbacks: [] });
const routesOf = async (storage: Storage): Promise<string[]> => (await storage.routes.list(100)).map(({ id }) => id);

test('after the end of its thread the database is opened again by the next call', async () => {
  await using rig = await open();
  const { storage, clock, end, begun } = rig;
  await storage.routes.insert(route('before'));
  await clock.advance(5000);
  await end();
  await storage.routes.insert(route('after'));
  assert.deepEqual(await routesOf(storage), ['after', 'before']);
  assert.equal(begun(), 2);
});

test('who waits for a thread that ends gets a StorageError, and what it wrote is there once or not at all', async () => {
  await using rig = await open();
  const { storage, clock, end } = rig;
  await clock.advance(5000);
  const writes = Array.from({ length: 20 }, (_, n) => storage.routes.insert(route(`r${n}`)));
  const ended = end();
  const outcomes = await Promise.allSettled(writes);
  await ended;
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
  assert.notEqual(lost.length, 0);
  for (const { reason } of lost) assert.ok(reason instanceof StorageError, String(reason));
  await clock.advance(5000);
  const ids = await routesOf(storage);
  assert.equal(new Set(ids).size, ids.length);
  for (const [n, { status }] of outcomes.entries()) assert.ok(status === 'rejected' || ids.includes(`r${n}`));
});

for (const [when, isWaiting] of [
  ['while a statement runs', true],
  ['between two statements', false],
] as const) {
  test(`a transaction whose thread ends ${when} is done not at all, and the next one is`, async () => {
    await using rig = await open();
    const { storage, clock, end } = rig;
    await clock.advance(5000);
    const transaction = storage.transaction(async () => {
      await storage.routes.insert(route('first'));
      const ended = end();
      if (!isWaiting) await ended;
      await clock.advance(5000);
      await storage.routes.insert(route('second')).catch(() => undefined);
      await storage.routes.insert(route('third'));
    });
    await assert.rejects(transaction, StorageError);
    await clock.advance(5000);
    assert.deepEqual(await routesOf(storage), []);
    await storage.transaction(() => storage.routes.insert(route('next')));
    assert.deepEqual(await routesOf(storage), ['next']);
  });
}

test('a thread that ends again and again is begun once a second at most', async () => {
  await using rig = await open();
  const { storage, clock, end, begun } = rig;
  await end();
  for (let n = 0; n < 5; n += 1) await assert.rejects(storage.keepNote('n', 'x'), StorageError);
  assert.equal(begun(), 1);
  await clock.advance(1000);
  assert.equal(await storage.keepNote('n', 'x'), 'x');
  assert.equal(begun(), 2);
});

test('the thread of the reports is begun again, too, and still only reads', async () => {
  await using rig = await open();
  const { storage, clock, end, begun } = rig;
  assert.equal(await storage.reports.getRequest('none'), undefined);
  await clock.advance(5000);
  await end();
  assert.equal(await storage.reports.getRequest('none'), undefined);
  assert.equal(begun(), 3);
  assert.equal(await storage.keepNote('n', 'x'), 'x');
});

test('what is closed stays closed', async () => {
  const rig = await open();
  await rig.storage.close();
  await rig.clock.advance(5000);
  await assert.rejects(rig.storage.keepNote('n', 'x'), /the database is closed/u);
  assert.equal(rig.begun(), 1);
});
