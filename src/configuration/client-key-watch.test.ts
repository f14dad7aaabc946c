// The watch over the client keys: what changed is read and no more, in order, and a silent database is noticed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientKeyText, digestOf } from '../core/client-key-text.ts';
import type { ClientKeyChange, ClientKeyRow } from '../storage/storage.ts';
import { FakeClock } from '../../test/support/clock.ts';
import { watchClientKeys, type ClientKeyWatch } from './client-key-watch.ts';

const textOf = (n: number): string =>
  clientKeyText(Uint8Array.from({ length: 32 }, (_, at) => (at < 4 ? n >> (8 * at) : 7)));

function changeOf(revision: number, n: number, isActive = true): ClientKeyChange {
  const id = `key_${n}`;
  const hash = digestOf(textOf(n));
  const row = {
    id,
    name: id,
    key_hash: hash,
    previous_key_hash: null,
    revoked_at: null,
    models: [],
    is_active: isActive,
  };
  return {
    revision,
    id,
    row: { ...row, expires_at: null, budget_nano_usd: null } as unknown as ClientKeyRow,
    problem: undefined,
  };
}

/** A database in a test's hand. */
class FakeStore {
  changes: ClientKeyChange[] = [];
  asked: number[] = [];
  rowsRead = 0;
  answer: (changes: ClientKeyChange[]) => Promise<ClientKeyChange[]> = (changes) => Promise.resolve(changes);

  changesAfter(revision: number, limit: number): Promise<ClientKeyChange[]> {
    this.asked.push(revision);
    const found = this.changes.filter((change) => change.revision > revision).slice(0, limit);
    this.rowsRead += found.length;
    return this.answer(found);
  }

  latestRevision(): Promise<number> {
    return Promise.resolve(Math.max(0, ...this.changes.map(({ revision }) => revision)));
  }
}

async function setUp(changes: ClientKeyChange[] = []): Promise<{
  store: FakeStore;
  clock: FakeClock;
  watch: ClientKeyWatch;
  told: string[];
}> {
  const store = new FakeStore();
  store.changes = changes;
  const clock = new FakeClock();
  const told: string[] = [];
  const watch = await watchClientKeys({
    store,
    notices: { pollEveryMs: 500, onChange: () => () => {} },
    clock,
    onProblem: (problem) => void told.push(problem),
    onTrouble: (error) => void told.push(error === undefined ? 'well again' : `trouble: ${error.message}`),
  });
  return { store, clock, watch, told };
}

test('10,000 keys are read once; a change reads one row, however many keys there are', async () => {
  const all = Array.from({ length: 10_000 }, (_, n) => changeOf(n + 1, n));
  const { store, clock, watch } = await setUp(all);
  assert.equal(store.rowsRead, 10_000);
  assert.ok(watch.find(textOf(0)) && watch.find(textOf(9999)));
  store.changes = [...all.slice(1), changeOf(10_001, 0, false)];
  await clock.advance(500);
  assert.equal(store.rowsRead, 10_001);
  assert.equal(watch.find(textOf(0))?.isActive, false);
  await clock.advance(10_000);
  assert.equal(store.rowsRead, 10_001);
  watch.stop();
  assert.equal(clock.waiting, 0);
});

test('an answer that comes late never brings a revoked key back', async () => {
  const { store, clock, watch } = await setUp([changeOf(1, 1)]);
  const waiting: (() => void)[] = [];
  store.answer = (changes) => new Promise((resolve) => void waiting.push(() => resolve(changes)));
  store.changes = [changeOf(2, 1)];
  await clock.advance(500);
  store.changes = [changeOf(3, 1, false)];
  const reloaded = watch.reload();
  await clock.advance(0);
  assert.equal(waiting.length, 1, 'the second read waits for the first');
  while (waiting.length > 0) {
    waiting.pop()?.();
    await clock.advance(0);
  }
  await reloaded;
  assert.equal(watch.find(textOf(1))?.isActive, false);
});

test('a database that fails, or does not answer at all, is noticed within two seconds; its keys stay', async () => {
  for (const answer of [() => Promise.reject(new Error('away')), () => new Promise<ClientKeyChange[]>(() => {})]) {
    const { store, clock, watch, told } = await setUp([changeOf(1, 1)]);
    assert.equal(watch.isFresh(), true);
    store.answer = answer;
    await clock.advance(2001);
    assert.equal(watch.isFresh(), false);
    assert.ok(watch.find(textOf(1)));
    assert.ok(told.length <= 1, 'told once');
  }
});

test('an answer that took long tells of the time when it was asked for: a key made since may be missing in it', async () => {
  const { store, clock, watch } = await setUp();
  const late = Promise.withResolvers<ClientKeyChange[]>();
  store.answer = () => late.promise;
  await clock.advance(3000);
  late.resolve([]);
  await new Promise(setImmediate);
  assert.equal(watch.isFresh(), false);
  store.answer = (changes) => Promise.resolve(changes);
  await clock.advance(500);
  assert.equal(watch.isFresh(), true);
});

test('when the database is back, what was missed is taken over, and it is told', async () => {
  const { store, clock, watch, told } = await setUp();
  assert.equal(watch.isEmpty, true);
  store.answer = () => Promise.reject(new Error('away'));
  await clock.advance(5000);
  await assert.rejects(watch.reload(), /away/u);
  store.changes = [changeOf(1, 1), { revision: 2, id: 'key_2', row: undefined, problem: 'key_2 is odd' }];
  store.answer = (changes) => Promise.resolve(changes);
  await clock.advance(500);
  assert.deepEqual(told, ['trouble: away', 'key_2 is odd', 'well again']);
  assert.equal(watch.isFresh(), true);
  assert.ok(watch.find(textOf(1)));
});

test('where a backup was put back, the keys are those of the backup', async () => {
  const { store, clock, watch } = await setUp([changeOf(1, 1)]);
  const backup = [...store.changes];
  store.changes = [changeOf(2, 1, false), changeOf(3, 2)];
  await clock.advance(500);
  assert.equal(watch.find(textOf(1))?.isActive, false);
  assert.ok(watch.find(textOf(2)));
  store.changes = backup;
  await clock.advance(500);
  assert.equal(watch.find(textOf(1))?.isActive, true);
  assert.equal(watch.find(textOf(2)), undefined);
  store.changes = [changeOf(2, 1, false)];
  await clock.advance(500);
  assert.equal(watch.find(textOf(1))?.isActive, false, 'and what is changed from then on is noticed');
});
