// A gateway deletes old requests by itself while it serves, and their sums stay.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { readSettings } from '../../src/core/settings.ts';
import { startGateway } from '../../src/main.ts';
import { openSqliteLedgerStore } from '../../src/storage/sqlite/ledger-store.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { eventually } from '../support/await.ts';
import { ledgerEntry } from '../support/ledger.ts';

const dayMs = 86_400_000;

test('requests older than REQUEST_RETENTION_DAYS are gone within a minute of the start, and folded', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-retention-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'aigateway.db');
  await (await openSqliteStorage(file)).close();
  const store = openSqliteLedgerStore(file);
  const now = Date.now();
  const entries = Array.from({ length: 3000 }, (_, n) => ledgerEntry(now - Math.floor((n * 4 * dayMs) / 3000)));
  await store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries });
  await store.close();
  const settings = readSettings(
    { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent', DRAIN_TIMEOUT_MS: '0', REQUEST_RETENTION_DAYS: '2' },
    {},
  );
  const gateway = await startGateway(settings, () => {});
  t.after(() => gateway.stop());
  const ask = async (path: string): Promise<{ data: { requests: number; id: string }[] }> =>
    (await fetch(`${gateway.url}/api/v1${path}`)).json() as Promise<{ data: { requests: number; id: string }[] }>;
  const total = async (): Promise<number | undefined> => (await ask('/usage')).data[0]?.requests;
  assert.equal(await total(), 3000);
  const old = new Date(now - 2 * dayMs - 60_000).toISOString();
  assert.equal((await ask(`/requests?to=${old}`)).data.length, 100);
  await eventually('the old ones are gone', async () => (await ask(`/requests?to=${old}`)).data.length === 0, 60_000);
  const kept = new Date(now - 2 * dayMs + 120_000).toISOString();
  assert.equal((await ask(`/requests?from=${kept}&limit=1000`)).data.length, 1000);
  assert.equal(await total(), 3000);
  await eventually(
    'all quarters are folded',
    () => {
      using database = new DatabaseSync(file, { readOnly: true });
      const { until } = database.prepare('SELECT min(until_ms) AS until FROM usage_fold_kinds').get() ?? {};
      return Number(until) > now - 3_600_000;
    },
    60_000,
  );
  assert.equal(await total(), 3000);
});
