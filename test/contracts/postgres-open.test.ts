// The first meeting with a PostgreSQL: what is wrong with it is said in a sentence, and one of many starts migrates it.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { migrations, type Migration } from '../../src/storage/postgres/migrations/registry.ts';
import { openDatabase } from '../../src/storage/postgres/open.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { postgresPassword, runSql, sharedPostgres, startPostgres, withoutPostgres } from '../support/postgres.ts';
import { openLine } from '../support/redis.ts';
import { makeCertificate, type CertificateFiles } from '../support/certificate.ts';

async function freshUrl(): Promise<string> {
  return (await sharedPostgres()).createDatabase();
}

/** The same URL with some of its parts changed. */
function changed(
  url: string,
  parts: Partial<Pick<URL, 'username' | 'password' | 'hostname' | 'port' | 'pathname'>>,
): string {
  return Object.assign(new URL(url), parts).toString();
}

async function assertRefused(url: string, sentence: RegExp, secret = postgresPassword): Promise<void> {
  const startedAtMs = performance.now();
  await assert.rejects(openPostgresStorage(url), (error: Error) => {
    assert.ok(error instanceof StorageError, inspect(error));
    assert.match(error.message, sentence);
    assert.doesNotMatch(error.message, /\n|SQLSTATE/u);
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret), 'the password is in the error');
    return true;
  });
  assert.ok(performance.now() - startedAtMs < 30_000);
}

describe('what is wrong with a PostgreSQL', { skip: withoutPostgres }, () => {
  it('a wrong password, an unknown user, a database that is not there', async () => {
    const url = await freshUrl();
    await assertRefused(
      changed(url, { password: 'wrong-password-canary' }),
      /^the database postgres@127\.0\.0\.1:\d+\/case_\w+ refuses the password of the user "postgres"; correct it in DATABASE_URL$/u,
      'wrong-password-canary',
    );
    await assertRefused(changed(url, { username: 'nobody_here' }), /refuses the password of the user "nobody_here"/u);
    await assertRefused(
      changed(url, { pathname: '/nowhere' }),
      /does not exist; make it with: CREATE DATABASE "nowhere" OWNER "postgres", or correct DATABASE_URL/u,
    );
    await assertRefused(
      changed(url, { password: '' }),
      /asks for the password of the user "postgres", and DATABASE_URL has none/u,
    );
  });

  it('nothing listens, the host is not known, and a server that says nothing', async () => {
    const url = await freshUrl();
    await assertRefused(
      changed(url, { port: '1' }),
      /is not running: nothing listens at 127\.0\.0\.1:1; start PostgreSQL/u,
    );
    await assertRefused(
      changed(url, { hostname: 'nowhere.invalid' }),
      /is on the host "nowhere\.invalid", (?:which no name server knows|whose address)/u,
    );
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    await assertRefused(changed(url, { port: String(port) }), /does not answer: no connection within 3000 ms/u);
    silent.close();
  });

  it('a server that falls silent when it was reached, and in the middle of the first migration', async () => {
    await Promise.all(
      ['server_version_num', 'CREATE TABLE aigateway_schema'].map(async (lastWords) => {
        const url = await freshUrl();
        await using line = await openLine(Number(new URL(url).port), lastWords);
        await assertRefused(changed(url, { port: String(line.port) }), /does not answer: silent for 10000 ms$/u);
      }),
    );
  });

  it('a URL that cannot be used names the part, and never its password', async () => {
    const url = await freshUrl();
    await assertRefused(`${url}?sslmode=sometimes`, /^DATABASE_URL has sslmode=sometimes; it must be one of disable/u);
    await assertRefused(`${url}?pool=5`, /^DATABASE_URL has the parameter "pool", which aigateway does not know/u);
    await assertRefused(changed(url, { pathname: '' }), /^DATABASE_URL names no database; write it as/u);
    await assertRefused(
      `${url}?sslmode=verify-ca&sslrootcert=/nowhere.pem`,
      /sslrootcert that cannot be read \(ENOENT\): \/nowhere\.pem/u,
    );
  });

  it('a server without encryption, where it is asked for', async () => {
    await assertRefused(
      `${await freshUrl()}?sslmode=require`,
      /does not encrypt its connections; use sslmode=disable/u,
    );
    await (await openPostgresStorage(`${await freshUrl()}?sslmode=prefer`)).close();
  });

  it('a user who may make no tables, and no schema to make them in', async () => {
    const url = await freshUrl();
    const role = `guest_${Date.now()}`;
    await runSql(url, `CREATE USER ${role} PASSWORD 'guest-password-canary'`);
    const asGuest = changed(url, { username: role, password: 'guest-password-canary' });
    await assertRefused(
      asGuest,
      new RegExp(
        `lets the user "${role}" make no tables \\(permission denied for schema public\\); make it the owner`,
        'u',
      ),
      'guest-password-canary',
    );
    await assertRefused(`${url}?options=-csearch_path%3Dnowhere`, /has no schema for this user's tables/u);
    await runSql(url, 'CREATE SCHEMA elsewhere');
    await (await openPostgresStorage(`${url}?options=-csearch_path%3Delsewhere`)).close();
    const [found] = await runSql(
      url,
      "SELECT table_schema FROM information_schema.tables WHERE table_name = 'providers'",
    );
    assert.equal(found?.['table_schema'], 'elsewhere');
  });

  it('tables of another program under our names are left alone', async () => {
    const url = await freshUrl();
    await runSql(url, 'CREATE TABLE providers (id int)');
    await assertRefused(url, /has tables of another program under our names/u);
    const tables = await runSql(url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'");
    assert.deepEqual(tables, [{ table_name: 'providers' }]);
  });

  it('a version that is too old', async () => {
    // The server is new: a function of ours tells another number in its place.
    const url = await freshUrl();
    await runSql(
      url,
      `CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS
       $$ SELECT CASE $1 WHEN 'server_version_num' THEN '130014' ELSE '13.14' END $$`,
    );
    await assertRefused(
      `${url}?options=-csearch_path%3Dpublic,pg_catalog`,
      /is PostgreSQL 13\.14, which is too old; use version 14 or later/u,
    );
  });

  it('no connection left', async () => {
    await using server = await startPostgres(['max_connections=4', 'superuser_reserved_connections=3']);
    const url = await server.createDatabase();
    await runSql(url, `CREATE USER guest PASSWORD '${postgresPassword}'`);
    await runSql(url, `GRANT ALL ON SCHEMA public TO guest`);
    const asGuest = changed(url, { username: 'guest' });
    const storage = await openPostgresStorage(asGuest);
    await storage.revision();
    await assertRefused(asGuest, /has no connection left; raise its max_connections/u);
    await storage.close();
  });
});

describe('encryption of the way to PostgreSQL', { skip: withoutPostgres }, () => {
  /** A certificate that the server can read; undefined where there is no openssl to make it. */
  function certificateFor(context: TestContext): CertificateFiles | undefined {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-tls-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755);
    const made = makeCertificate(folder);
    if (made === undefined) context.skip('there is no openssl here');
    else if (process.getuid?.() === 0) chownSync(made.key, 65_534, 65_534);
    return made;
  }

  it('each sslmode trusts what it says', async (context) => {
    const made = certificateFor(context);
    if (made === undefined) return;
    await using server = await startPostgres(['ssl=on', `ssl_cert_file=${made.cert}`, `ssl_key_file=${made.key}`]);
    const url = changed(await server.createDatabase(), { hostname: 'localhost' });
    const byAddress = changed(url, { hostname: '127.0.0.1' });
    const root = `sslrootcert=${encodeURIComponent(made.cert)}`;
    const isEncrypted = async (at: string): Promise<unknown> => {
      const storage = await openPostgresStorage(at);
      const [row] = await runSql(
        url,
        "SELECT bool_and(ssl) AS encrypted FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'aigateway%'",
      );
      await storage.revision();
      await storage.close();
      return row?.['encrypted'] ?? null;
    };
    for (const query of [
      'sslmode=prefer',
      'sslmode=require',
      `sslmode=verify-ca&${root}`,
      `sslmode=verify-full&${root}`,
    ]) {
      const storage = await openPostgresStorage(`${url}?${query}`);
      await storage.revision();
      const [row] = await runSql(
        url,
        "SELECT bool_and(ssl) AS encrypted FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'aigateway%'",
      );
      await storage.close();
      assert.equal(row?.['encrypted'], true, query);
    }
    assert.equal(await isEncrypted(url), null);
    await assertRefused(`${url}?sslmode=verify-full`, /has a certificate that cannot be trusted/u);
    await assertRefused(
      `${byAddress}?sslmode=verify-full&${root}`,
      /has a certificate for another name than 127\.0\.0\.1/u,
    );
    await (await openPostgresStorage(`${byAddress}?sslmode=verify-ca&${root}`)).close();
  });
});

describe('migrations of PostgreSQL', { skip: withoutPostgres }, () => {
  const done = async (url: string): Promise<unknown[]> =>
    (await runSql(url, 'SELECT migration FROM aigateway_schema ORDER BY migration')).map((row) => row['migration']);
  const step = (name: string, statements: string[], needed?: string): Migration => ({
    name,
    statements,
    ...(needed !== undefined && { needed }),
  });

  it('of five that start at once one migrates, and the others wait for it', async () => {
    const url = await freshUrl();
    const slow = step('0901-slow', ['SELECT pg_sleep(1)', 'CREATE TABLE made_once (id int)']);
    await Promise.all(Array.from({ length: 5 }, () => openDatabase(url, [...migrations, slow])));
    assert.deepEqual(await done(url), [...migrations.map(({ name }) => name), '0901-slow']);
  });

  it('a step that fails leaves nothing of it behind, and the next start does it', async () => {
    const url = await freshUrl();
    const bad = step('0901-bad', ['CREATE TABLE half (id int)', 'SELECT nonsense']);
    await assert.rejects(openDatabase(url, [...migrations, bad]), /nonsense/u);
    assert.deepEqual(await runSql(url, "SELECT to_regclass('half') AS half, to_regclass('providers') AS ours"), [
      { half: null, ours: null },
    ]);
    await openDatabase(url, [...migrations, step('0901-bad', ['CREATE TABLE half (id int)'])]);
    assert.equal((await done(url)).length, migrations.length + 1);
  });

  it('the version before runs on a schema that was added to, and not on one that lost what it needs', async () => {
    const url = await freshUrl();
    const added = step('0901-adds', ["ALTER TABLE providers ADD COLUMN extra TEXT NOT NULL DEFAULT 'x'"]);
    await openDatabase(url, [...migrations, added]);
    const before = await openPostgresStorage(url);
    const row = {
      id: 'p',
      name: 'P',
      base_url: 'https://example.com',
      auth_type: 'api_key',
      auth_strategy: 'api_key',
      supported_models: [],
      is_active: true,
      config: {},
    };
    await before.providers.insert(row);
    assert.equal((await before.readConfiguration()).providers[0]?.id, 'p');
    await before.close();

    const taken = step('0902-takes', ['ALTER TABLE providers DROP COLUMN name'], '0901-adds');
    await openDatabase(url, [...migrations, added, taken]);
    await assertRefused(url, /was changed by a newer version of aigateway, and this one can no longer work with it/u);
    await openDatabase(url, [...migrations, added]);
  });

  it('a table that somebody holds is waited for, and the others are not held up meanwhile', async () => {
    const url = await freshUrl();
    await openDatabase(url);
    const holding = runSql(url, 'BEGIN; LOCK TABLE providers IN ACCESS SHARE MODE; SELECT pg_sleep(3); COMMIT');
    const alter = step('0901-alters', ['ALTER TABLE providers ADD COLUMN extra TEXT']);
    await openDatabase(url, [...migrations, alter]);
    await holding;
    assert.equal((await done(url)).length, migrations.length + 1);
  });
});
