// A database of every version before this one, with rows as that version wrote them, is opened: it tells what they tell today.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { migrations } from '../../src/storage/sqlite/migrations/registry.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';

const root = mkdtempSync(join(tmpdir(), 'aigateway-upgrades-'));
after(() => rmSync(root, { recursive: true, force: true }));

const quarterMs = 900_000;
const firstMs = Math.floor(Date.parse('2026-03-28T23:50:00Z') / quarterMs) * quarterMs;
const requests = Array.from({ length: 12 }, (_, n) => ({
  id: `req_${String(n).padStart(4, '0')}`,
  atMs: firstMs + n * quarterMs,
  model: n % 3 === 0 ? 'gpt-4' : 'gpt-4o',
  key: n % 4 === 0 ? 'NULL' : `'key_${n % 2}'`,
  account: `acc_${n % 2}`,
  outcome: n % 5 === 4 ? 'client_error' : 'ok',
}));
const hash = (digit: number): string => String(digit).repeat(64);

/** Migration → what a gateway of that version wrote into the tables that are new with it. */
const rows: Readonly<Record<string, readonly string[]>> = {
  '0001-configuration': [
    "INSERT INTO providers (id, name, base_url) VALUES ('own', 'Own', 'https://own.example')",
    `INSERT INTO accounts (id, provider_id, label, auth_data, weight) VALUES
      ('acc_0', 'openai', 'A', 'agwv1.a.b.c', 1), ('acc_1', 'own', 'B', 'agwv1.d.e.f', 2.5)`,
    "INSERT INTO routes (id, pattern, provider_id, model) VALUES ('rt', 'fast', 'openai', 'gpt-4')",
    "INSERT INTO notes (name, content) VALUES ('proof', 'agwv1.x')",
  ],
  '0002-ledger': [
    ...requests.flatMap(({ id, atMs, model, key, account, outcome }) => [
      `INSERT INTO requests (id, created_at_ms, endpoint, model, key_id, is_stream, status, outcome, usage_source,
        prompt_tokens, total_tokens, cost_nano_usd, queued_ms, duration_ms, body_bytes, answer_bytes)
       VALUES ('${id}', ${atMs}, 'chat_completions', '${model}', ${key}, 0, 200, '${outcome}', 'upstream', 5, 5, 7, 0, 9, 10, 20)`,
      `INSERT INTO attempts (request_id, n, account_id, provider_id, model, status, outcome, started_at_ms, duration_ms,
        usage_source, prompt_tokens, total_tokens, cost_nano_usd)
       VALUES ('${id}', 1, '${account}', 'openai', '${model}', 200, '${outcome}', ${atMs}, 9, 'upstream', 5, 5, 7)`,
      `INSERT INTO usage_quarters (quarter_ms, model, upstream_model, account_id, key_id, requests, attempts,
        prompt_tokens, total_tokens, cost_nano_usd)
       VALUES (${atMs}, '${model}', '${model}', '${account}', coalesce(${key}, ''), 1, 1, 5, 5, 7)`,
    ]),
    "INSERT INTO spools (spool, segment, offset_bytes) VALUES ('spool_old', 1, 100)",
  ],
  '0003-prices': [
    "INSERT INTO prices (id, model, input_nano_usd, effective_from) VALUES ('pr', 'gpt-own', 5, '2026-01-01T00:00:00.000Z')",
  ],
  '0004-client-keys': [0, 1].map(
    (n) =>
      `INSERT INTO client_keys (id, name, key_hash, rpm, budget_nano_usd, budget_period, budget_time_zone, revoked_at)
       VALUES ('key_${n}', 'K${n}', '${hash(n)}', 5, 9000, 'day', 'Europe/Berlin', ${n === 0 ? 'NULL' : "'2026-01-01T00:00:00.000Z'"})`,
  ),
  '0005-audit': [
    `INSERT INTO audit (created_at, actor, resource, resource_id, "after")
     VALUES ('2026-01-01T00:00:00.000Z', 'admin', 'accounts', 'acc_0', '{"id":"acc_0"}')`,
  ],
};
const keyIds = ['key_0', 'key_1'];

/** A database as the version that knew the first `known` migrations left it. */
function databaseOf(known: number): string {
  const file = join(mkdtempSync(join(root, 'v')), 'aigateway.db');
  using database = new DatabaseSync(file);
  for (const { statements } of migrations.slice(0, known)) for (const statement of statements) database.exec(statement);
  for (const { name } of migrations.slice(0, known)) for (const row of rows[name] ?? []) database.exec(row);
  database.exec(`PRAGMA application_id = 1634170745; PRAGMA user_version = ${known}; PRAGMA journal_mode = WAL`);
  return file;
}

async function toldBy(file: string): Promise<Readonly<Record<string, unknown>>> {
  const storage = await openSqliteStorage(file);
  const { reports } = storage;
  const usage = async (...dimensions: ('model' | 'account_id' | 'key_id')[]): Promise<unknown> => {
    const span = { fromMs: firstMs, toMs: firstMs + 40 * quarterMs };
    return (await Array.fromAsync(reports.usage({ span, dimensions }, 100))).flat();
  };
  try {
    const { problems, ...configuration } = await storage.readConfiguration();
    assert.deepEqual(problems, []);
    const withoutTimes = (list: readonly object[]): unknown =>
      list.map((row) => ({ ...row, created_at: undefined, updated_at: undefined }));
    const ids = async (filter: object): Promise<string[]> =>
      (await reports.listRequests(filter, 100)).map(({ request }) => request.id);
    return {
      '0001-configuration': [
        withoutTimes(configuration.providers),
        withoutTimes(configuration.accounts),
        configuration.routes,
        await storage.readNote('proof'),
      ],
      '0002-ledger': [
        await ids({}),
        await ids({ model: 'gpt-4' }),
        await ids({ accountId: 'acc_1' }),
        await ids({ keyId: 'key_1' }),
        await ids({ keyId: 'key_1', accountId: 'acc_1', outcome: 'ok' }),
        await ids({ outcome: 'client_error' }),
        await reports.getRequest('req_0004'),
        await usage(),
        await usage('model', 'account_id', 'key_id'),
        await usage('key_id'),
        [...(await reports.spending(keyIds, firstMs + quarterMs, 0))],
      ],
      '0003-prices': withoutTimes(configuration.prices),
      '0004-client-keys': [
        withoutTimes(await storage.clientKeys.list(10)),
        (await storage.clientKeys.changesAfter(0, 10)).map(({ revision, id }) => [revision, id]),
      ],
      '0005-audit': await storage.audit.list({}, 10),
    };
  } finally {
    await storage.close();
  }
}

test('every version’s database keeps every row, and says of them what a new one says', async () => {
  const today = await toldBy(databaseOf(migrations.length));
  assert.equal((today['0002-ledger'] as unknown[][])[0]?.length, requests.length);
  for (let known = 1; known < migrations.length; known += 1) {
    const { name: newest } = migrations[known - 1] ?? { name: '' };
    const told = await toldBy(databaseOf(known));
    for (const { name } of migrations.slice(0, known))
      assert.deepEqual(told[name], today[name], `${name}, in the database of ${newest}`);
  }
});
