// Client keys in the embedded database when another program writes them: no change unnoticed, no nonsense accepted.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';

interface Outside {
  readonly run: (sql: string) => void;
  /** The ids of the keys that changed since one last asked; those gone with a minus. */
  readonly changed: () => Promise<string[]>;
}

async function setUp(context: TestContext): Promise<Outside> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-keys-'));
  const file = join(folder, 'aigateway.db');
  const storage = await openSqliteStorage(file);
  const database = new DatabaseSync(file);
  context.after(async () => {
    database.close();
    await storage.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let revision = 0;
  return {
    run: (sql) => database.exec(sql),
    changed: async () => {
      const changes = await storage.clientKeys.changesAfter(revision, 100);
      revision = changes.at(-1)?.revision ?? revision;
      return changes.map(({ id, row, problem }) => (row === undefined && problem === undefined ? `-${id}` : id));
    },
  };
}

const hash = (digit: string): string => digit.repeat(64);
const insert = (id: string, digit: string, or = ''): string =>
  `INSERT ${or} INTO client_keys (id, name, key_hash) VALUES ('${id}', '${id}', '${hash(digit)}')`;

test('every kind of change by SQL is noted; a use is not', async (context) => {
  const { run, changed } = await setUp(context);
  const changes: [sql: string, ids: string[]][] = [
    [`${insert('a', '1')}; ${insert('b', '2')}`, ['a', 'b']],
    ["UPDATE client_keys SET is_active = false WHERE id = 'a'", ['a']],
    ["UPDATE client_keys SET revoked_at = '2026-01-01T00:00:00Z'", ['a', 'b']],
    ['UPDATE client_keys SET rpm = 5, tpm = 5', ['a', 'b']],
    ["UPDATE client_keys SET id = 'c' WHERE id = 'a'", ['c', '-a']],
    [insert('c', '3', 'OR REPLACE'), ['c']],
    [insert('c', '4', 'OR IGNORE'), []],
    ["DELETE FROM client_keys WHERE id = 'c'", ['-c']],
    [insert('c', '5', 'OR IGNORE'), ['c']],
    [insert('c', '5', 'OR REPLACE'), ['c']],
    ["UPDATE client_keys SET last_used_at = 'now', metadata = '{\"a\":1}', updated_at = 'now'", []],
    ['DELETE FROM client_keys', ['-b', '-c']],
  ];
  for (const [sql, ids] of changes) {
    run(sql);
    assert.deepEqual(new Set(await changed()), new Set(ids), sql);
  }
});

test('what a transaction took back was no change', async (context) => {
  const { run, changed } = await setUp(context);
  run(insert('a', '1'));
  assert.deepEqual(await changed(), ['a']);
  run("BEGIN; UPDATE client_keys SET is_active = 0; DELETE FROM client_keys WHERE id = 'a'; ROLLBACK");
  assert.deepEqual(await changed(), []);
});

test('a row that cannot be read is told, and the others are read', async (context) => {
  const { run, changed } = await setUp(context);
  run(insert('a', '1'));
  run(insert('b', '2'));
  run("UPDATE client_keys SET models = '[1]' WHERE id = 'a'");
  assert.deepEqual(await changed(), ['b', 'a']);
});

test('SQL that would make a key of nonsense is refused where it is written, and says why', async (context) => {
  const { run } = await setUp(context);
  run(insert('a', '1'));
  const refused: [change: string, reason: RegExp][] = [
    ["id = ''", /id must not be empty/u],
    ["key_hash = 'agw_secret'", /key_hash must be the SHA-256 of the key in hexadecimal/u],
    [`key_hash = '${hash('A')}'`, /key_hash must be the SHA-256/u],
    ['key_hash = NULL', /NOT NULL/u],
    ["previous_key_hash = 'x'", /previous_key_hash must be/u],
    ["previous_until = 'tomorrow'", /previous_until must be a time in UTC/u],
    ["expires_at = '2026-12-31 00:00:00'", /expires_at must be a time in UTC such as/u],
    ["expires_at = '2026-12-31T00:00:00+01:00'", /expires_at must be a time in UTC/u],
    ["models = 'x'", /models must be a JSON array/u],
    ["metadata = '[]'", /metadata must be a JSON object/u],
    ['rpm = 0', /rpm must be a whole number from 1, or NULL/u],
    ['tpm = 1.5', /tpm must be a whole number/u],
    ["max_concurrency = 'many'", /max_concurrency must be a whole number/u],
    ['budget_nano_usd = -1', /budget_nano_usd must be a whole number of nano-dollars/u],
    ['budget_nano_usd = 0.5', /budget_nano_usd must be a whole number/u],
    ['budget_nano_usd = 9007199254740992', /budget_nano_usd must be a whole number/u],
    ["budget_period = 'year'", /budget_period must be day, week, month or none/u],
    ["limits_mode = 'off'", /limits_mode must be enforce or shadow/u],
    ["budget_mode = 'off'", /budget_mode must be enforce or shadow/u],
    ['is_active = 2', /is_active must be true or false/u],
    ["allows_unpriced = 'yes'", /allows_unpriced must be true or false/u],
    ['keeps_transcripts = 2', /keeps_transcripts must be true or false/u],
  ];
  for (const [change, reason] of refused) assert.throws(() => run(`UPDATE client_keys SET ${change}`), reason, change);
});
