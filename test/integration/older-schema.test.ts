// Commands that only look at a database leave the schema of an older version as it is: the gateway of that version goes on.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, suite, test } from 'node:test';
import { migrations as steps } from '../../src/storage/postgres/migrations/registry.ts';
import { openDatabase } from '../../src/storage/postgres/open.ts';
import { migrations } from '../../src/storage/sqlite/migrations/registry.ts';
import { runSql, sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { runProgram, type ProgramOptions } from '../support/program.ts';

const root = mkdtempSync(join(tmpdir(), 'aigateway-older-'));
after(() => rmSync(root, { recursive: true, force: true }));

interface Run {
  readonly code: number | string;
  readonly output: string;
  readonly errors: string;
}

async function run(args: readonly string[], options: ProgramOptions = {}): Promise<Run> {
  await using program = runProgram(args, options);
  const code = await program.exit;
  return { code, output: program.output(), errors: program.errors() };
}

/** A data folder as the version that knew the first `known` migrations left it, with a provider that leads nowhere. */
function folderOf(known: number): string {
  const folder = mkdtempSync(join(root, 'v'));
  using database = new DatabaseSync(join(folder, 'aigateway.db'));
  for (const { statements } of migrations.slice(0, known)) for (const statement of statements) database.exec(statement);
  database.exec("INSERT INTO providers (id, name, base_url) VALUES ('openai', 'Nobody', 'http://127.0.0.1:1')");
  database.exec(`PRAGMA application_id = 1634170745; PRAGMA user_version = ${known}; PRAGMA journal_mode = WAL`);
  return folder;
}

function versionOf(file: string): unknown {
  using database = new DatabaseSync(file);
  return database.prepare('PRAGMA user_version').get()?.['user_version'];
}

suite('an embedded database', () => {
  for (const known of [1, migrations.length - 1]) {
    test(`with ${known} of the migrations`, async () => {
      const folder = folderOf(known);
      const file = join(folder, 'aigateway.db');
      const at = ['--data-dir', folder];

      const doctor = await run(['doctor', ...at]);
      assert.equal(doctor.code, 0, doctor.output);
      assert.match(
        doctor.output,
        /^! database +.*aigateway\.db has the schema of an older version; the next start brings it up to date, or "aigateway db migrate"$/mu,
      );
      const status = await run(['vault', 'status', ...at]);
      assert.equal(status.code, 1);
      assert.match(status.errors, /^aigateway: the database .* has the schema of an older version; .*\n$/u);
      const chaos = await run(['chaos', ...at]);
      assert.equal(chaos.code, 1);
      assert.match(chaos.errors, /has the schema of an older version; .*\n$/u);
      const copy = join(folder, 'copy.db');
      const backup = await run(['db', 'backup', copy, ...at]);
      assert.equal(backup.code, 0, backup.errors);
      assert.deepEqual([versionOf(file), versionOf(copy)], [known, known], 'nobody has changed the schema');
      assert.equal(existsSync(join(folder, 'master.key')), false, 'nor made a key');

      assert.equal((await run(['db', 'migrate', ...at])).code, 0);
      assert.equal(versionOf(file), migrations.length);
    });
  }

  test('of a newer version can be copied, too', async () => {
    const folder = folderOf(migrations.length);
    const file = join(folder, 'aigateway.db');
    {
      using database = new DatabaseSync(file);
      database.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    }
    const copy = join(folder, 'copy.db');
    assert.equal((await run(['db', 'backup', copy, '--data-dir', folder])).code, 0);
    assert.equal(versionOf(copy), migrations.length + 1);
    const doctor = await run(['doctor', '--data-dir', folder]);
    assert.equal(doctor.code, 1);
    assert.match(doctor.output, /^✗ database +.* was written by a newer version of aigateway; use that version$/mu);
  });

  test('vault status makes no master key', async () => {
    const folder = folderOf(migrations.length);
    const { code, errors } = await run(['vault', 'status', '--data-dir', folder]);
    assert.equal(code, 1);
    assert.match(errors, /^aigateway: there is no master key yet: the first start makes it\n$/u);
    assert.equal(existsSync(join(folder, 'master.key')), false);
  });
});

test('a PostgreSQL', { skip: withoutPostgres }, async () => {
  const url = await (await sharedPostgres()).createDatabase();
  const env = { AIGATEWAY_DATABASE_URL: url };
  const at = ['--data-dir', mkdtempSync(join(root, 'p'))];
  const seen = async (): Promise<unknown> =>
    (await runSql(url, 'SELECT count(*) AS steps FROM aigateway_schema'))[0]?.['steps'];
  const empty = await run(['vault', 'status', ...at], { env });
  assert.match(
    empty.errors,
    /has no tables of aigateway yet; the first start makes them, or "aigateway db migrate"\n$/u,
  );
  await openDatabase(url, steps.slice(0, 4));

  const doctor = await run(['doctor', ...at], { env });
  assert.equal(doctor.code, 0, doctor.output);
  assert.match(doctor.output, /^! database +.* has the schema of an older version; the next start/mu);
  const status = await run(['vault', 'status', ...at], { env });
  assert.equal(status.code, 1);
  assert.match(status.errors, /has the schema of an older version/u);
  const backup = await run(['db', 'backup', join(root, 'copy.db'), ...at], { env });
  assert.match(backup.errors, /pg_dump --format=custom/u);
  assert.equal(await seen(), 4, 'nobody has changed the schema');
});
