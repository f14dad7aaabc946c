// The lists by account and by client key of the embedded database: whatever is done in whatever order, they hold what they should.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { idsFrom } from '../../src/lib/id.ts';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import { openSqliteLedgerStore } from '../../src/storage/sqlite/ledger-store.ts';
import { migrations } from '../../src/storage/sqlite/migrations/registry.ts';
import { listRequests, showAllRequestAccounts } from '../../src/storage/sqlite/request-lists.ts';
import { ledgerEntry } from '../support/ledger.ts';

const noon = Date.UTC(2026, 2, 10, 12);
const key = fc.constantFrom('key_1', 'key_2', null);
const outcome = fc.constantFrom('ok', 'timeout');
const minute = fc.nat(30);

type Step =
  | { readonly kind: 'append'; readonly entries: readonly LedgerEntry[] }
  | { readonly kind: 'list' }
  | { readonly kind: 'sql'; readonly sql: string };

/** A request of a minute, with a key and accounts that are its own: few ids, so that some come again, with an end where they had none. */
const entry = fc.record({ minute, isOver: fc.boolean(), outcome }).map((drawn) => {
  const accounts = ['acc_1', 'acc_2', 'acc_1', 'acc_3'].slice(drawn.minute % 3, 1 + (drawn.minute % 4));
  return ledgerEntry(noon + drawn.minute * 60_000, {
    request: {
      id: idAt(drawn.minute),
      key_id: drawn.minute % 5 === 0 ? null : `key_${drawn.minute % 3}`,
      outcome: drawn.isOver ? drawn.outcome : 'unknown',
      duration_ms: drawn.isOver ? 10 : null,
    },
    attempts: accounts.slice(0, drawn.isOver ? undefined : 1).map((id) => ({ account_id: id })),
  });
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.array(entry, { maxLength: 5 }).map((entries) => ({ kind: 'append' as const, entries })) },
  { weight: 2, arbitrary: fc.constant({ kind: 'list' as const }) },
  fc
    .oneof(
      fc.tuple(minute, key, outcome).map(
        ([at, id, how]) => `UPDATE requests SET
      key_id = ${id === null ? 'NULL' : `'${id}'`}, outcome = '${how}', model = 'beta'
      WHERE id = '${idAt(at)}' AND duration_ms IS NOT NULL`,
      ),
      minute.map(
        (at) => `DELETE FROM attempts WHERE request_id <= '${idAt(at)}' AND request_id >= '${idAt(at - 3)}';
      DELETE FROM requests WHERE id <= '${idAt(at)}' AND id >= '${idAt(at - 3)}'`,
      ),
    )
    .map((sql) => ({ kind: 'sql' as const, sql })),
);

function idAt(atMinute: number): string {
  return idsFrom('req', noon + atMinute * 60_000);
}

const byAccount = `SELECT DISTINCT account_id, request_id, requests.model, key_id, requests.outcome
  FROM attempts JOIN requests ON id = request_id`;
const byKey = 'SELECT key_id, id AS request_id, model, outcome FROM requests WHERE key_id IS NOT NULL';
const listed = '(SELECT until_id FROM listed_requests)';

function check(database: DatabaseSync): void {
  const rows = (sql: string): unknown[] => database.prepare(`${sql} ORDER BY 1, 2`).all();
  assert.deepEqual(rows('SELECT * FROM request_accounts'), rows(`${byAccount} WHERE id <= ${listed}`));
  assert.deepEqual(rows('SELECT * FROM request_keys'), rows(`${byKey} AND id <= ${listed}`));
}

function inFolder(run: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-lists-'));
  return run(join(folder, 'aigateway.db')).finally(() => rmSync(folder, { recursive: true, force: true }));
}

test('up to the id that is noted the lists hold every request as it is, and after it none', async () => {
  const steps = fc.array(step, { minLength: 3, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(steps, (drawn) =>
      inFolder(async (file) => {
        const store = openSqliteLedgerStore(file);
        using database = new DatabaseSync(file);
        for (const [n, done] of drawn.entries()) {
          const position = { segment: 0, offsetBytes: n };
          if (done.kind === 'append') await store.append({ spool: 's', position, entries: done.entries });
          else if (done.kind === 'sql') database.exec(done.sql);
          else listRequests(database);
          check(database);
        }
        await store.close();
      }),
    ),
    { numRuns: 30 },
  );
});

test('a ledger that is written to without a pause lists in between', () =>
  inFolder(async (file) => {
    const store = openSqliteLedgerStore(file, 10);
    using database = new DatabaseSync(file);
    for (let n = 0; n < 50; n += 1) {
      const entries = [ledgerEntry(noon + n * 1000, { request: { key_id: 'key_1' } })];
      await store.append({ spool: 's', position: { segment: 0, offsetBytes: n }, entries });
      check(database);
      const waiting = database.prepare(`SELECT count(*) AS n FROM requests WHERE id > ${listed}`).get()?.['n'];
      assert.ok(Number(waiting) <= 20, String(waiting));
    }
    await store.close();
    assert.equal(database.prepare('SELECT count(*) AS n FROM request_keys').get()?.['n'], 40);
  }));

test('what is shown of accounts is the same whether it is listed or not, and the database is not written', () =>
  inFolder(async (file) => {
    const store = openSqliteLedgerStore(file);
    const append = (entries: readonly LedgerEntry[]): Promise<void> =>
      store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries });
    using database = new DatabaseSync(file);
    using other = new DatabaseSync(file);
    const entries = Array.from({ length: 8 }, (_, n) =>
      ledgerEntry(noon + n * 1000, { attempts: [{ account_id: `acc_${n % 3}` }, { account_id: `acc_${n % 2}` }] }),
    );
    await append(entries.slice(0, 4));
    listRequests(other);
    await append(entries.slice(4));
    database.exec('BEGIN');
    showAllRequestAccounts(database);
    listRequests(other);
    await append([ledgerEntry(noon + 9000)]);
    const shown = database.prepare('SELECT * FROM all_request_accounts ORDER BY account_id, request_id').all();
    assert.deepEqual(shown, other.prepare('SELECT * FROM request_accounts ORDER BY account_id, request_id').all());
    database.exec('COMMIT');
    await store.close();
  }));

test('what an older version wrote is listed by the migration', () => {
  using database = new DatabaseSync(':memory:');
  const at = migrations.findIndex(({ name }) => name === '0011-request-lists');
  const migrate = (from: number, to?: number): void => {
    for (const { statements } of migrations.slice(from, to)) for (const sql of statements) database.exec(sql);
  };
  migrate(0, at);
  for (const [id, keyId] of [
    ['req_2', "'key_1'"],
    ['req_1', "'key_2'"],
    ['req_3', 'NULL'],
  ] as const) {
    database.exec(`INSERT INTO requests (id, created_at_ms, endpoint, key_id, is_stream, outcome, usage_source, queued_ms,
      body_bytes, answer_bytes) VALUES ('${id}', 0, 'e', ${keyId}, 0, 'ok', 'none', 0, 0, 0)`);
    database.exec(`INSERT INTO attempts (request_id, n, account_id, provider_id, model, outcome, started_at_ms, usage_source)
      VALUES ('${id}', 1, 'acc_1', 'p', 'm', 'ok', 0, 'none')`);
  }
  migrate(at);
  check(database);
  assert.deepEqual(database.prepare('SELECT until_id FROM listed_requests').all(), [
    { __proto__: null, until_id: 'req_3' },
  ]);
  assert.equal(database.prepare('SELECT count(*) AS n FROM request_keys').get()?.['n'], 2);
});
