// Taking a spool over: whatever is killed, cut or repeated, each request is in the ledger once.
import assert from 'node:assert/strict';
import fs, { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/clock.ts';
import { requestRecord as record } from '../../test/support/records.ts';
import type { LedgerMaintenance } from '../storage/ledger-maintenance.ts';
import type { LedgerBatch, LedgerEntry, LedgerPart, LedgerStore, SpoolPosition } from '../storage/ledger-store.ts';
import { StorageError } from '../storage/storage.ts';
import { claimSpool } from './claim.ts';
import { Ingest } from './ingest.ts';
import { listSegments, segmentFile } from './segments.ts';
import { Spool, usualLimits } from './spool.ts';

/** A database in memory, with the rule of the real one: what is final stays, what is unknown is replaced. */
class FakeStore implements LedgerStore {
  readonly rows = new Map<string, LedgerEntry>();
  readonly positions = new Map<string, SpoolPosition>();
  failures = 0;

  async position(spool: string): Promise<SpoolPosition> {
    return this.positions.get(spool) ?? { segment: 0, offsetBytes: 0 };
  }

  async append({ spool, more, ...first }: LedgerBatch): Promise<void> {
    const parts: LedgerPart[] = [first];
    for (let next = more?.(); next !== undefined; next = more?.()) parts.push(next);
    if (this.failures > 0) {
      this.failures -= 1;
      throw new StorageError('away');
    }
    this.positions.set(spool, parts.at(-1)?.position ?? first.position);
    for (const entry of parts.flatMap(({ entries }) => entries)) {
      const before = this.rows.get(entry.request.id);
      if (before === undefined || before.request.duration_ms === null) this.rows.set(entry.request.id, entry);
    }
  }

  async keepTranscripts(): Promise<void> {}
  async conclude(): Promise<void> {}
  async forget(): Promise<void> {}
  openMaintenance(): Promise<LedgerMaintenance> {
    return Promise.reject(new StorageError('nothing is tidied here'));
  }
  async close(): Promise<void> {}
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-ingest-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const limits = { ...usualLimits, segmentBytes: 2000 };
const quiet = (): void => {};

test('a request that runs long gets a row before its end, and its own row at its end', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet, limits);
    const ingest = await Ingest.begin(folder, 's', store, clock);
    spool.intend(record('slow', 1));
    spool.intend(record('quick', 1));
    spool.settle(record('quick', 1));
    const end = spool.flush();
    while (await ingest.step());
    assert.deepEqual([...store.rows.keys()], ['quick']);
    assert.deepEqual(ingest.doneTo, end, 'who asks for what is over does not wait for what runs');
    await clock.advance(31_000);
    while (await ingest.step());
    const early = store.rows.get('slow');
    assert.deepEqual([early?.request.outcome, early?.request.duration_ms], ['unknown', null]);
    assert.deepEqual(store.positions.get('s'), ingest.doneTo, 'it holds the spool back no more');
    spool.settle(record('slow', 1));
    spool.flush();
    while (await ingest.step());
    assert.equal(store.rows.get('slow')?.request.outcome, 'ok');
    ingest.close();
    spool.close();
  }));

test('what has ended is found behind more beginnings than are read at once', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet);
    const records = Array.from({ length: 2000 }, (_, i) => record(`r${i}`, 1));
    for (const each of records) spool.intend(each);
    spool.settle(records[0] as (typeof records)[number]);
    spool.flush();
    const ingest = await Ingest.begin(folder, 's', store, clock);
    assert.equal(await ingest.step(), true);
    assert.deepEqual([...store.rows.keys()], ['r0']);
    ingest.close();
    spool.close();
  }));

test('a request that was sent again shows its first attempt as over and its second as unknown when the process dies', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet, limits);
    spool.intend(record('r', 1));
    spool.intend(record('r', 2));
    spool.flush();
    const ingest = await Ingest.begin(folder, 's', store, clock);
    await ingest.finish();
    const { request, attempts } = store.rows.get('r') as LedgerEntry;
    assert.equal(request.outcome, 'unknown');
    assert.deepEqual(
      attempts.map(({ n, duration_ms: durationMs }) => [n, durationMs]),
      [
        [1, 1],
        [2, null],
      ],
    );
    ingest.close();
    spool.close();
  }));

test('what the database did not take is read again: a failure loses no request', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet, limits);
    const ingest = await Ingest.begin(folder, 's', store, clock);
    spool.settle(record('before', 1));
    spool.flush();
    store.failures = 1;
    await assert.rejects(ingest.step(), StorageError);
    spool.settle(record('after', 1));
    spool.flush();
    while (await ingest.step());
    assert.deepEqual([...store.rows.keys()], ['before', 'after']);
    ingest.close();
    spool.close();
  }));

test('a request that was begun between two attempts of an older one is not forgotten when the process dies', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet);
    spool.intend(record('older', 1));
    spool.intend(record('between', 1));
    spool.intend(record('older', 2));
    spool.settle(record('over', 1));
    spool.flush();
    const ingest = await Ingest.begin(folder, 's', store, clock);
    while (await ingest.step());
    assert.deepEqual([...store.rows.keys()], ['over']);
    ingest.close();
    const next = await Ingest.begin(folder, 's', store, clock);
    await next.finish();
    assert.deepEqual([...store.rows.keys()].toSorted(), ['between', 'older', 'over']);
    next.close();
    spool.close();
  }));

test('a request that is tried again and again gets its row by its first beginning', () =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet);
    const ingest = await Ingest.begin(folder, 's', store, clock);
    for (let n = 1; n <= 4; n += 1) {
      spool.intend(record('slow', n));
      spool.flush();
      await ingest.step();
      await clock.advance(10_500);
    }
    await ingest.step();
    assert.deepEqual([...store.rows.keys()], ['slow']);
    ingest.close();
    spool.close();
  }));

test('of what is taken over the last segment stays, and each is on the disk when it is left', (t) =>
  inFolder(async (folder) => {
    const clock = new FakeClock();
    const store = new FakeStore();
    const spool = new Spool(folder, clock, quiet, limits);
    for (let n = 0; n < 40; n += 1) {
      spool.settle(record(`r${n}`, 1));
      spool.flush();
    }
    const last = listSegments(folder).at(-1) ?? 0;
    assert.ok(last > 3);
    const { mock: syncing } = t.mock.method(fs, 'fdatasyncSync');
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    const ingest = await Ingest.begin(folder, 's', store, clock);
    while (await ingest.step());
    // A database that forgets its last transactions with the power finds them there.
    assert.deepEqual(listSegments(folder), [last - 1, last]);
    assert.equal(syncing.callCount(), last - 1);
    ingest.close();
    spool.close();
  }));

/** What happens while a spool is written and taken over. */
const events = fc.array(
  fc.record({
    what: fc.constantFrom('intend', 'intend', 'settle', 'settle', 'step', 'wait', 'fail', 'restart'),
    which: fc.nat(7),
  }),
  { maxLength: 120 },
);

test('killed anywhere, cut at any byte, with a database that fails: each request once, each that was written final', () =>
  fc.assert(
    fc.asyncProperty(events, fc.nat(400), (list, cut) =>
      inFolder(async (root) => {
        const folder = join(root, 'live');
        mkdirSync(folder);
        const clock = new FakeClock();
        const store = new FakeStore();
        const spool = new Spool(folder, clock, quiet, limits);
        let ingest = await Ingest.begin(folder, 's', store, clock);
        const running = new Map<number, { id: string; attempts: number }>();
        const settled = new Set<string>();
        const intended = new Set<string>();
        let count = 0;
        for (const { what, which } of list) {
          if (what === 'intend') {
            const request = running.get(which) ?? { id: `r${(count += 1)}`, attempts: 0 };
            request.attempts += 1;
            running.set(which, request);
            assert.ok(spool.holds(spool.intend(record(request.id, request.attempts))));
            intended.add(request.id);
          } else if (what === 'settle') {
            const request = running.get(which);
            if (request === undefined) continue;
            running.delete(which);
            spool.settle(record(request.id, request.attempts));
            settled.add(request.id);
          } else if (what === 'wait') await clock.advance(40_000);
          else if (what === 'fail') store.failures += 1;
          else if (what === 'restart') {
            // Only the thread dies: it begins again where the database stands.
            ingest.close();
            ingest = await Ingest.begin(folder, 's', store, clock);
          } else await ingest.step().catch(quiet);
        }
        spool.flush();
        // The process dies, and with it perhaps the end of its last line.
        const last = listSegments(folder).at(-1) as number;
        const torn = join(root, 'torn');
        mkdirSync(torn);
        for (const segment of listSegments(folder))
          copyFileSync(segmentFile(folder, segment), segmentFile(torn, segment));
        const size = (await import('node:fs')).statSync(segmentFile(torn, last)).size;
        const from = store.positions.get('s');
        const keptBytes = Math.max(size - cut, from?.segment === last ? from.offsetBytes : 0);
        truncateSync(segmentFile(torn, last), keptBytes);
        store.failures = 0;
        const next = await Ingest.begin(torn, 's', store, clock);
        await next.finish();
        for (const id of store.rows.keys()) assert.ok(intended.has(id));
        if (keptBytes === size) {
          assert.deepEqual([...store.rows.keys()].sort(), [...intended].sort());
          for (const id of settled) assert.equal(store.rows.get(id)?.request.outcome, 'ok', id);
          for (const { id } of running.values()) assert.equal(store.rows.get(id)?.request.outcome, 'unknown', id);
        }
        next.close();
        ingest.close();
        spool.close();
      }),
    ),
    { numRuns: 60 },
  ));

test('a spool belongs to one, until that one lets go of it', () =>
  inFolder(async (root) => {
    const folder = join(root, 'spool');
    const first = claimSpool(folder);
    assert.equal(claimSpool(folder), undefined);
    first?.release();
    const second = claimSpool(folder);
    assert.ok(second);
    second.remove();
    assert.deepEqual(listSegments(root), []);
  }));
