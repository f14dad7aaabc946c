// An embedded database whose file is moved, deleted or replaced while it is open: nobody writes into it or reads from it, and nobody opens the other one.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openSqliteLedgerMaintenance } from '../../src/storage/sqlite/ledger-maintenance.ts';
import { openSqliteLedgerStore } from '../../src/storage/sqlite/ledger-store.ts';
import { SqliteConnection } from '../../src/storage/sqlite/connection.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { StorageError, type RouteRow } from '../../src/storage/storage.ts';
import { FakeClock } from '../support/clock.ts';
import { ledgerEntry } from '../support/ledger.ts';

const retention = { requestsMs: null, transcriptsMs: null };
const route = (id: string): RouteRow => ({ id, pattern: id, provider_id: 'p', model: null, fallbacks: [] });

interface Place {
  readonly file: string;
  /** Takes the file away, and puts another one into its place or none. */
  readonly leave: (how?: 'a copy') => void;
  readonly comeBack: () => void;
}

function freshPlace(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-place-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'aigateway.db');
  const away = join(folder, 'away.db');
  return {
    file,
    leave(how) {
      renameSync(file, away);
      if (how === 'a copy') copyFileSync(away, file);
    },
    comeBack: () => renameSync(away, file),
  };
}

async function assertMissed(work: () => Promise<unknown>, what: string): Promise<void> {
  await assert.rejects(
    work,
    (error: Error) => error instanceof StorageError && /is not the file that was opened/u.test(error.message),
    what,
  );
}

for (const how of [undefined, 'a copy'] as const) {
  const name = how === undefined ? 'that is gone' : 'in whose place is a copy';
  test(`a file ${name}: configuration and reports`, async (t) => {
    const { file, leave, comeBack } = freshPlace(t);
    const storage = await openSqliteStorage(file, new FakeClock());
    t.after(() => storage.close());
    const connection = await SqliteConnection.open(file);
    t.after(() => connection.close());
    await storage.routes.insert(route('before'));
    await storage.writeNote('place', 'here');
    const revision = await storage.revision();
    const moves = [{ name: 'place', before: 'here', after: 'there' }];

    leave(how);
    await assertMissed(() => storage.routes.insert(route('lost')), 'a change');
    await assertMissed(() => storage.writeNote('lost', ''), 'a note');
    await assertMissed(() => storage.audit.addAll([], moves), 'a note in the audit log');
    await assertMissed(() => connection.backup(`${file}.copy`), 'a backup');
    await assertMissed(() => storage.transaction(async () => storage.routes.insert(route('lost'))), 'a transaction');
    await assertMissed(() => storage.revision(), 'a short question');
    await assertMissed(() => storage.reports.getRequest('req_1'), 'a report');

    comeBack();
    assert.equal(await storage.revision(), revision);
    await storage.routes.insert(route('after'));
    assert.equal(await storage.audit.addAll([], moves), true);
    assert.equal(await storage.reports.getRequest('req_1'), undefined);
    assert.deepEqual(
      (await storage.routes.list(10)).map(({ id }) => id),
      ['after', 'before'],
    );
  });

  test(`a file ${name}: the ledger and what tidies it`, async (t) => {
    const { file, leave, comeBack } = freshPlace(t);
    const store = openSqliteLedgerStore(file);
    t.after(() => store.close());
    const maintenance = openSqliteLedgerMaintenance(file, retention);
    t.after(() => maintenance.close());
    const position = { segment: 1, offsetBytes: 100 };
    await store.append({ spool: 'one', position, entries: [ledgerEntry(1e12)] });

    leave(how);
    const further = { spool: 'one', position: { segment: 1, offsetBytes: 200 }, entries: [ledgerEntry(2e12)] };
    await assertMissed(() => store.append(further), 'a request');
    await assertMissed(() => store.conclude('one', 1e12), 'the end of a spool');
    await assertMissed(() => store.forget('one'), 'a spool that is forgotten');
    await assertMissed(() => store.openMaintenance(retention), 'what tidies it, opened now');
    await assertMissed(() => maintenance.step(1e12), 'what tidies it, open already');

    comeBack();
    assert.deepEqual(await store.position('one'), position);
    await store.append(further);
    assert.deepEqual(await store.position('one'), further.position);
    await maintenance.step(1e12);
  });
}

test('what has begun in the file ends in it', async (t) => {
  const { file, leave, comeBack } = freshPlace(t);
  const storage = await openSqliteStorage(file, new FakeClock());
  t.after(() => storage.close());
  await storage.transaction(async () => {
    await storage.routes.insert(route('before'));
    leave();
    await storage.routes.insert(route('after'));
  });
  await assertMissed(() => storage.routes.list(10), 'what comes then');
  comeBack();
  assert.deepEqual(
    (await storage.routes.list(10)).map(({ id }) => id),
    ['after', 'before'],
  );
});
