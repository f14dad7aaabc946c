// Tests `aigateway vault rotate`: a new master key while requests run, broken off and gone on with, and what it never loses.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { Secret } from '../../src/core/secret.ts';
import { startMock } from '../../src/mock/server.ts';
import type { AccountRow } from '../../src/storage/storage.ts';
import { keyIdOf, openVault, proofIn, type Vault } from '../../src/vault/vault.ts';
import { keepAsking } from '../support/asking.ts';
import { eventually } from '../support/await.ts';
import { runOutside } from '../support/outside-sql.ts';
import { runProgram } from '../support/program.ts';
import { chat, clientOf, setUp, startRig, testKey, type Rig, type RigOptions } from '../support/rig.ts';
import { openTestStorage, type TestDatabase } from '../support/test-database.ts';

const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-rotation-'));
  folders.push(folder);
  return folder;
}
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Data folder → its database, where that is not the usual file in it. */
const databases = new Map<string, TestDatabase>();

function databaseOf(folder: string): TestDatabase {
  return databases.get(folder) ?? { url: 'sqlite:', outside: join(folder, 'aigateway.db') };
}

async function startKnownRig(options?: RigOptions): Promise<Rig> {
  const rig = await startRig(options);
  databases.set(rig.folder, { url: rig.flags.at(-1) ?? '', outside: rig.database });
  return rig;
}

const newKey = (): string => randomBytes(32).toString('base64');

async function vaultCommand(
  action: 'rotate' | 'status',
  folder: string,
  encryptionKey?: string,
): Promise<{ code: number | string; output: string; errors: string }> {
  await using program = runProgram(['vault', action, '--data-dir', folder, '--database-url', databaseOf(folder).url], {
    env: encryptionKey === undefined ? {} : { AIGATEWAY_ENCRYPTION_KEY: encryptionKey },
  });
  const code = await program.exit;
  return { code, output: program.output(), errors: program.errors() };
}

async function readRows(folder: string): Promise<Record<string, unknown>[]> {
  const rows = await runOutside(databaseOf(folder).outside, 'SELECT * FROM accounts ORDER BY id');
  return rows.map((row) => ({ ...row }));
}

function keyFile(folder: string): string[] {
  return readFileSync(join(folder, 'master.key'), 'utf8').trim().split('\n');
}

const keyIds = async (folder: string): Promise<string[]> => [
  ...new Set((await readRows(folder)).map((row) => keyIdOf(String(row['auth_data'])))),
];

/** Adds inactive accounts past the API, sealed as the API would. */
async function addAccounts(folder: string, count: number, encryptionKey?: string): Promise<void> {
  const storage = await openTestStorage(databaseOf(folder));
  const keys = encryptionKey?.split(',').map((key) => new Secret(key));
  const vault = await openVault(keys, folder, proofIn(storage));
  await storage.transaction(async () => {
    for (let n = 0; n < count; n += 1) await storage.accounts.insert(accountRow(`bulk_${n}`, vault));
  });
  await storage.close();
}

function accountRow(id: string, vault: Vault): AccountRow {
  return {
    id,
    provider_id: 'openai',
    label: `Bulk ${id}`,
    auth_data: vault.seal(JSON.stringify({ api_key: `sk-bulk-${id}-0123456789` }), `account ${id}`),
    auth_hint: { api_key: 'sk-…6789' },
    is_active: false,
    weight: 1,
    priority: 0,
    quota_group: null,
    allowed_models: [],
    limits: {},
    organization: null,
    project: null,
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    last_used_at: null,
  };
}

suite('with the key file', () => {
  test('a running gateway goes on; afterwards the old key opens nothing and is not needed', async () => {
    await using rig = await startKnownRig({ keys: [testKey, 'sk-spare-key-0000000002'] });
    await addAccounts(rig.folder, 250);
    await eventually('the accounts are in force', async () => {
      const { data } = await rig.manage<{ data: unknown[] }>('GET', '/accounts?limit=1000');
      return data.length === 252;
    });
    const [oldKey = ''] = keyFile(rig.folder);
    const before = await readRows(rig.folder);
    // An account at rest stays so: the master key is no business of the upstream's.
    await rig.post('/v1/chat/completions', chat('gpt-fault-404-model'));
    const health = async (): Promise<unknown> =>
      (await rig.manage<{ health: unknown }>('GET', `/accounts/${rig.accounts[0]}`)).health;
    const rest = await health();
    assert.match(JSON.stringify(rest), /benched/u);

    const asking = keepAsking((stream) => rig.post('/v1/chat/completions', chat('gpt-4', { stream })), 10);
    const rotated = await vaultCommand('rotate', rig.folder);
    assert.equal(rotated.code, 0, rotated.errors + rotated.output);
    assert.match(
      rotated.output,
      /^100 of 252 .*\n200 of 252 .*\n252 of 252 .*\nkey ([0-9a-f]{16}) seals all 252 account keys\n.*holds this key alone\n$/u,
    );
    await eventually('the gateway has seen it', () =>
      rig.manage('POST', '/accounts/bulk_7/unbench', {}).then(() => true),
    );
    const { failures, count } = await asking.stop();
    assert.deepEqual(failures, []);
    assert.ok(count > 20, String(count));
    assert.deepEqual(await health(), rest);

    const [now = '', ...others] = keyFile(rig.folder);
    assert.deepEqual(others, []);
    assert.notEqual(now, oldKey);
    assert.equal(statSync(join(rig.folder, 'master.key')).mode & 0o777, 0o600);
    assert.deepEqual(await keyIds(rig.folder), [/^key (\w+) seals/mu.exec(rotated.output)?.[1]]);
    const withoutSecret = (rows: Record<string, unknown>[]): unknown[] =>
      rows.map((row) => ({ ...row, auth_data: '', last_used_at: '' }));
    assert.deepEqual(
      withoutSecret(await readRows(rig.folder)),
      withoutSecret(before),
      'every other column is as it was',
    );

    const { data: log } = await rig.manage<{ data: { actor: string; resource: string }[] }>(
      'GET',
      '/audit?resource=vault',
    );
    assert.equal(log.length, 3);
    assert.ok(log.every(({ actor }) => actor === 'command_line'));
    const added = await rig.manage<{ id: string }>('POST', '/accounts', {
      provider_id: 'openai',
      label: 'New',
      auth_data: { api_key: testKey },
    });
    assert.equal((await keyIds(rig.folder)).length, 1, 'the running gateway seals with the new key, too');
    assert.equal((await rig.manage<{ ok: boolean }>('POST', `/accounts/${added.id}/test`, {})).ok, true);

    await using refused = runProgram([], {
      env: {
        AIGATEWAY_PORT: '0',
        AIGATEWAY_DATA_DIR: rig.folder,
        AIGATEWAY_DATABASE_URL: databaseOf(rig.folder).url,
        AIGATEWAY_ENCRYPTION_KEY: oldKey,
      },
    });
    assert.equal(await refused.exit, 1);
    assert.match(refused.errors(), /^aigateway: ENCRYPTION_KEY is not the key that this database was encrypted with/u);
    assert.match(
      (await vaultCommand('status', rig.folder)).output,
      /^KEY +ACCOUNTS\n[0-9a-f]{16} +253 +seals what is new\n$/u,
    );
  });

  test('killed at any moment: everything opens, and the next run ends it', async (t) => {
    const mock = await startMock();
    t.after(() => mock.close());
    const folder = newFolder();
    const env = {
      AIGATEWAY_PORT: '0',
      AIGATEWAY_DATA_DIR: folder,
      AIGATEWAY_LOG_LEVEL: 'silent',
      AIGATEWAY_DRAIN_TIMEOUT_MS: '0',
    };
    await using gateway = runProgram([], { env });
    await setUp(clientOf(await gateway.url), mock);
    await addAccounts(folder, 3000);
    const [oldKey = ''] = keyFile(folder);
    for (const wait of [/^100 of/mu, /^\d00 of/mu]) {
      await using rotation = runProgram(['vault', 'rotate', '--data-dir', folder]);
      await eventually(
        'it has begun',
        () => wait.test(rotation.output()) || rotation.process.exitCode !== null,
        20_000,
      );
      rotation.process.kill('SIGKILL');
      assert.equal(await rotation.exit, 'SIGKILL', 'killed in the middle');
      assert.equal(keyFile(folder).length, 2);
      assert.equal(keyFile(folder)[1], oldKey);
      assert.equal((await keyIds(folder)).length, 2);
      // A gateway that starts now reads them all.
      await using other = runProgram([], { env: { ...env, AIGATEWAY_LOG_LEVEL: 'warn' } });
      const asked = await clientOf(await other.url).post('/v1/chat/completions', chat('gpt-4'));
      assert.equal(asked.status, 200);
      assert.doesNotMatch(other.output(), /cannot be opened/u);
    }
    const [newer] = keyFile(folder);
    const finished = await vaultCommand('rotate', folder);
    assert.equal(finished.code, 0, finished.errors + finished.output);
    assert.deepEqual(keyFile(folder), [newer], 'the key that the first run made');
    assert.equal((await keyIds(folder)).length, 1);
    assert.equal((await clientOf(await gateway.url).post('/v1/chat/completions', chat('gpt-4'))).status, 200);
  });

  test('two at once end well', async () => {
    await using rig = await startKnownRig();
    await addAccounts(rig.folder, 500);
    const results = await Promise.all([1, 2].map(() => vaultCommand('rotate', rig.folder)));
    for (const { code, errors, output } of results) assert.equal(code, 0, errors + output);
    assert.equal(keyFile(rig.folder).length, 1);
    assert.equal((await keyIds(rig.folder)).length, 1);
    assert.equal((await rig.manage<{ ok: boolean }>('POST', `/accounts/${rig.accounts[0]}/test`, {})).ok, true);
  });

  test('what does not open is left as it was, and its key is kept', async () => {
    await using rig = await startKnownRig();
    await addAccounts(rig.folder, 2);
    await runOutside(
      rig.database,
      `UPDATE accounts SET auth_data = (SELECT auth_data FROM accounts WHERE id = 'bulk_0') WHERE id = 'bulk_1';
      UPDATE accounts SET limits = 'nonsense' WHERE id = 'bulk_0'`,
    );
    const before = (await readRows(rig.folder)).find(({ id }) => id === 'bulk_1');
    const rotated = await vaultCommand('rotate', rig.folder);
    assert.equal(rotated.code, 1);
    assert.match(rotated.output, /account bulk_1 is left as it was: it has been changed, or belongs to another row\n/u);
    assert.match(rotated.output, /seals all but 1 account keys: keep the old key/u);
    assert.deepEqual(
      (await readRows(rig.folder)).find(({ id }) => id === 'bulk_1'),
      before,
    );
    assert.equal(keyFile(rig.folder).length, 2);
    await rig.manage('DELETE', '/accounts/bulk_1');
    assert.equal((await vaultCommand('rotate', rig.folder)).code, 0);
    assert.equal(keyFile(rig.folder).length, 1, 'a row that cannot be read otherwise is sealed anew all the same');
  });
});

suite('with ENCRYPTION_KEY', () => {
  test('a gateway that was not given the new key goes on with what it knows; afterwards the new one suffices', async (t) => {
    const mock = await startMock();
    t.after(() => mock.close());
    const folder = newFolder();
    const [old, next] = [newKey(), newKey()];
    const start = (encryptionKey: string): ReturnType<typeof runProgram> =>
      runProgram([], {
        env: {
          AIGATEWAY_PORT: '0',
          AIGATEWAY_DATA_DIR: folder,
          AIGATEWAY_DRAIN_TIMEOUT_MS: '0',
          AIGATEWAY_ENCRYPTION_KEY: encryptionKey,
        },
      });
    await using gateway = start(old);
    const client = clientOf(await gateway.url);
    const [account = ''] = await setUp(client, mock);
    await addAccounts(folder, 20, old);

    const single = await vaultCommand('rotate', folder, old);
    assert.equal(single.code, 0);
    assert.match(single.output, /seals all 21 account keys\nto change it, put a new key before the old one/u);
    const wrong = await vaultCommand('rotate', folder, next);
    assert.equal(wrong.code, 1);
    assert.match(wrong.errors, /^aigateway: ENCRYPTION_KEY is not the key .*Nothing was changed\n$/u);
    assert.equal((await keyIds(folder)).length, 1);

    const asking = keepAsking((stream) => client.post('/v1/chat/completions', chat('gpt-4', { stream })), 4);
    const rotated = await vaultCommand('rotate', folder, `${next},${old}`);
    assert.equal(rotated.code, 0, rotated.errors + rotated.output);
    assert.match(rotated.output, /ENCRYPTION_KEY may be its first key alone from the next start on\n$/u);
    await eventually('the gateway says what it cannot read', () =>
      /goes on with the credential that it had/u.test(gateway.output()),
    );
    await client.manage('PATCH', `/accounts/${account}`, { label: 'Still here' });
    const { failures, count } = await asking.stop();
    assert.deepEqual(failures, []);
    assert.ok(count > 4);

    assert.match((await vaultCommand('rotate', folder, `${next},${old}`)).output, /seals all 21 account keys/u);
    await using refused = start(old);
    assert.equal(await refused.exit, 1);
    await using fresh = start(next);
    assert.equal((await clientOf(await fresh.url).post('/v1/chat/completions', chat('gpt-4'))).status, 200);
    assert.match(
      (await vaultCommand('status', folder, `${old},${next}`)).output,
      / +0 +seals what is new\n[0-9a-f]{16} +21 +older/u,
    );
  });

  test('back to a key file: its lines are read like the setting', async () => {
    const folder = newFolder();
    const [old, next] = [newKey(), newKey()];
    await addAccounts(folder, 3, old);
    writeFileSync(join(folder, 'master.key'), `${next}\n${old}\n`);
    assert.equal((await vaultCommand('rotate', folder)).code, 0);
    assert.deepEqual(keyFile(folder), [next]);
    assert.equal((await vaultCommand('status', folder, next)).code, 0);
  });
});
