// What is particular to the reading side of the ledger on the embedded database.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { LedgerStore } from '../../src/storage/ledger-store.ts';
import { openSqliteLedgerMaintenance } from '../../src/storage/sqlite/ledger-maintenance.ts';
import { openSqliteLedgerStore } from '../../src/storage/sqlite/ledger-store.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { StorageError, type Storage } from '../../src/storage/storage.ts';
import { quarterMs } from '../../src/storage/usage-increments.ts';
import { FakeClock } from '../support/clock.ts';
import { ledgerEntry } from '../support/ledger.ts';

interface SqliteLedger {
  readonly file: string;
  readonly storage: Storage;
  readonly store: LedgerStore;
  close(): Promise<void>;
}

async function open(clock = new FakeClock()): Promise<SqliteLedger> {
  const folder = await mkdtemp(join(tmpdir(), 'aigateway-reports-'));
  const file = join(folder, 'aigateway.db');
  const storage = await openSqliteStorage(file, clock);
  const store = openSqliteLedgerStore(file);
  return {
    file,
    storage,
    store,
    async close() {
      await store.close();
      await storage.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An open thread waits for its end. */
function isThreadOpen(clock: FakeClock): boolean {
  return clock.waiting > 0;
}

test('what a budget asks needs the reading thread only while a write waits for another program', async () => {
  const clock = new FakeClock();
  const ledger = await open(clock);
  const { file, storage } = ledger;
  const ask = (): ReturnType<Storage['reports']['spending']> => storage.reports.spending(['key_1'], 0, 0);
  assert.deepEqual(await ask(), new Map());
  assert.equal(isThreadOpen(clock), false);
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  let isWritten = false;
  const write = storage.writeNote('name', 'content').then(() => (isWritten = true));
  await new Promise(setImmediate);
  assert.deepEqual(await ask(), new Map());
  assert.equal(isThreadOpen(clock), true);
  assert.equal(isWritten, false);
  other.exec('ROLLBACK');
  other.close();
  await write;
  await ledger.close();
});

test('the reading thread is opened at the first report, closed after a minute without one, and opened again', async () => {
  const clock = new FakeClock();
  const ledger = await open(clock);
  assert.equal(isThreadOpen(clock), false);
  assert.deepEqual(await ledger.storage.reports.listRequests({}, 1), []);
  assert.equal(isThreadOpen(clock), true);
  await clock.advance(59_000);
  await ledger.storage.reports.getRequest('x');
  await clock.advance(59_000);
  assert.equal(isThreadOpen(clock), true);
  await clock.advance(1_000);
  assert.equal(isThreadOpen(clock), false);
  await ledger.store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries: [ledgerEntry(1e12)] });
  assert.equal((await ledger.storage.reports.listRequests({}, 1)).length, 1);
  await ledger.storage.close();
  await assert.rejects(ledger.storage.reports.listRequests({}, 1), StorageError);
  await ledger.close();
});

test('a report that is left half read lets go of the thread', async () => {
  const clock = new FakeClock();
  const ledger = await open(clock);
  await ledger.store.append({
    spool: 's',
    position: { segment: 0, offsetBytes: 0 },
    entries: [1, 2, 3].map((n) => ledgerEntry(1e12, { request: { model: `m${n}` } })),
  });
  const query = { span: { fromMs: 0, toMs: 2e12 }, dimensions: ['model'] } as const;
  for await (const rows of ledger.storage.reports.usage(query, 1)) {
    assert.equal(rows.length, 1);
    break;
  }
  assert.equal(clock.waiting, 1);
  await ledger.close();
});

test('a quarter that is changed by SQL from outside is changed in its folds', async () => {
  const ledger = await open();
  const atMs = Date.UTC(2026, 0, 1, 12);
  const position = { segment: 0, offsetBytes: 0 };
  await ledger.store.append({ spool: 's', position, entries: [ledgerEntry(atMs), ledgerEntry(atMs + 3_600_000)] });
  const maintenance = openSqliteLedgerMaintenance(ledger.file, { requestsMs: null, transcriptsMs: null });
  while (await maintenance.step(atMs + 40 * 86_400_000));
  await maintenance.close();
  const count = async (): Promise<string | undefined> => {
    for await (const [row] of ledger.storage.reports.usage({ span: { fromMs: 0, toMs: 2e12 }, dimensions: [] }, 1))
      return row?.sums.requests;
    return undefined;
  };
  using database = new DatabaseSync(ledger.file);
  assert.equal(await count(), '2');
  database.exec('UPDATE usage_quarters SET requests = requests + 10');
  assert.equal(await count(), '22');
  database.exec(
    'DELETE FROM usage_quarters WHERE requests > 0 AND quarter_ms = (SELECT min(quarter_ms) FROM usage_quarters)',
  );
  assert.equal(await count(), '11');
  await ledger.close();
});

test('quarters with more groups than are folded at once are folded whole, and each fold has only what it tells apart', async () => {
  const ledger = await open();
  const atMs = Date.UTC(2026, 0, 1, 12);
  const entries = Array.from({ length: 6000 }, (_, n) =>
    ledgerEntry(atMs + Math.floor(n / 2000) * quarterMs, { request: { key_id: `key_${n % 2000}` } }),
  );
  await ledger.store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries });
  const maintenance = openSqliteLedgerMaintenance(ledger.file, { requestsMs: null, transcriptsMs: null });
  while (await maintenance.step(atMs + 40 * 86_400_000));
  await maintenance.close();
  using database = new DatabaseSync(ledger.file);
  const rows = database
    .prepare('SELECT fold, count(*) AS groups, sum(requests) AS requests FROM usage_folds GROUP BY fold ORDER BY fold')
    .all()
    .map(({ groups, requests }) => [groups, requests]);
  const quarters = [3];
  // Noon to half past twelve, and half past twelve to one.
  const halfHours = [2, 2, 4000];
  const hours = [1, 2000, 2000];
  const days = [1, 1, 1, 2000, 1, 2000, 2000, 2000];
  const longer = [1, 2000, 2000, 2000, 2000];
  assert.deepEqual(
    rows,
    [...quarters, ...halfHours, ...hours, ...days, ...longer].map((groups) => [groups, 6000]),
  );
  await ledger.close();
});

test('of requests that are too old nothing is left but their sums', async () => {
  const ledger = await open();
  const atMs = Date.UTC(2026, 0, 1, 12);
  const entries = Array.from({ length: 600 }, (_, n) => ledgerEntry(atMs + n));
  await ledger.store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries });
  const maintenance = openSqliteLedgerMaintenance(ledger.file, { requestsMs: 86_400_000, transcriptsMs: null });
  while (await maintenance.step(atMs + 40 * 86_400_000));
  await maintenance.close();
  using database = new DatabaseSync(ledger.file);
  const count = (table: string): unknown => database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'];
  const tables = ['requests', 'attempts', 'request_accounts', 'request_keys'];
  assert.deepEqual(tables.map(count), [0, 0, 0, 0]);
  assert.equal(database.prepare('SELECT sum(requests) AS n FROM usage_quarters').get()?.['n'], 600);
  await ledger.close();
});

test('lists are answered from an index that holds all that they filter by', async () => {
  const ledger = await open();
  using database = new DatabaseSync(ledger.file);
  const plan = (sql: string): string =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail']))
      .join('; ');
  const isRare = "outcome <> 'ok' AND outcome = ?";
  const rows: [sql: string, plan: RegExp][] = [
    [
      "id FROM requests WHERE model = 'm' AND outcome = 'ok' AND id < 'req_1'",
      /USING COVERING INDEX requests_by_model/u,
    ],
    [`id FROM requests WHERE ${isRare} AND model = 'm' AND key_id = 'k'`, /USING COVERING INDEX requests_by_outcome/u],
    ["request_id AS id FROM request_keys WHERE key_id = 'k' AND model = 'm' AND outcome = 'ok'", /\(key_id=\?\)/u],
    ["request_id AS id FROM request_accounts WHERE account_id = 'a' AND request_id < 'r'", /\(account_id=\? AND r/u],
    // Those that are not listed yet, and no others.
    ["id FROM requests WHERE id > 'req_1' AND key_id = 'k'", /USING PRIMARY KEY \(id>\?\)/u],
    [
      "id FROM requests WHERE id > 'r' AND EXISTS (SELECT 1 FROM attempts WHERE account_id = 'a' AND request_id = id)",
      /requests USING PRIMARY KEY \(id>\?\).*attempts .*USING PRIMARY KEY \(request_id=\?\)/u,
    ],
  ];
  for (const [sql, expected] of rows) {
    assert.match(plan(`SELECT ${sql} ORDER BY id DESC LIMIT 1`), expected);
    assert.doesNotMatch(plan(`SELECT ${sql} ORDER BY id DESC LIMIT 1`), /TEMP B-TREE/u);
  }
  await ledger.close();
});
