// The embedded database under the storage contract, and what only a file can go through.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { SqliteConnection } from '../../src/storage/sqlite/connection.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { StorageError, type Storage } from '../../src/storage/storage.ts';
import { storageContract } from './storage.ts';

const root = mkdtempSync(join(tmpdir(), 'aigateway-storage-'));
after(() => rmSync(root, { recursive: true, force: true }));

function freshFolder(): string {
  return mkdtempSync(join(root, 'case-'));
}

function freshFile(): string {
  return join(freshFolder(), 'aigateway.db');
}

/** Runs SQL on the file as another program would. */
function outside(file: string, run: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(file);
  try {
    run(database);
  } finally {
    database.close();
  }
}

async function withStorage(file: string, run: (storage: Storage) => Promise<void>): Promise<void> {
  const storage = await openSqliteStorage(file);
  try {
    await run(storage);
  } finally {
    await storage.close();
  }
}

async function assertRefused(file: string, sentence: RegExp): Promise<void> {
  await assert.rejects(openSqliteStorage(file), (error: Error) => {
    assert.ok(error instanceof StorageError, String(error));
    assert.match(error.message, sentence);
    assert.ok(error.message.includes(file), error.message);
    assert.doesNotMatch(error.message, /SQLITE_|errcode|\n/u);
    return true;
  });
}

storageContract('sqlite', () => openSqliteStorage(freshFile()));

/** Step 2 of the specification's setup guide, verbatim. */
const specifiedInsert = `INSERT INTO providers (id, name, base_url, auth_type, auth_strategy, supported_models, is_active)
VALUES (
  'openai',
  'OpenAI',
  'https://api.openai.com',
  'api_key',
  'api_key',
  '["gpt-4", "gpt-3.5-turbo"]',
  true
);`;

test("the specification's INSERT runs from outside and raises the revision", async () => {
  const file = freshFile();
  await withStorage(file, async (storage) => {
    const before = await storage.revision();
    outside(file, (database) => database.exec(specifiedInsert));
    assert.ok((await storage.revision()) > before);
    assert.deepEqual(
      { ...(await storage.providers.get('openai')) },
      {
        id: 'openai',
        name: 'OpenAI',
        base_url: 'https://api.openai.com',
        auth_type: 'api_key',
        auth_strategy: 'api_key',
        supported_models: ['gpt-4', 'gpt-3.5-turbo'],
        is_active: true,
        config: {},
      },
    );
  });
});

test('every kind of change from outside raises the revision; a use noted from outside does not', async () => {
  const file = freshFile();
  await withStorage(file, async (storage) => {
    const changes = [
      specifiedInsert,
      "UPDATE providers SET is_active = false WHERE id = 'openai'",
      "INSERT INTO accounts (id, provider_id, label, auth_data) VALUES ('a', 'openai', 'A', 'agwv1.x.y.z')",
      "UPDATE accounts SET is_active = 0 WHERE id = 'a'",
      "UPDATE accounts SET auth_data = 'agwv1.new' WHERE id = 'a'",
      "INSERT INTO routes (id, pattern, provider_id) VALUES ('r', 'x*', 'openai')",
      "UPDATE routes SET model = 'm' WHERE id = 'r'",
      'DELETE FROM routes',
      "INSERT INTO prices (id, model, input_nano_usd) VALUES ('p', 'gpt-4', 30000000000)",
      "UPDATE prices SET note = 'x' WHERE id = 'p'",
      'DELETE FROM prices',
      'DELETE FROM accounts',
      'DELETE FROM providers',
    ];
    for (const sql of changes) {
      const before = await storage.revision();
      outside(file, (database) => database.exec(sql));
      assert.ok((await storage.revision()) > before, sql);
    }
    const before = await storage.revision();
    outside(file, (database) => database.exec("UPDATE accounts SET last_used_at = 'now'"));
    assert.equal(await storage.revision(), before);
  });
});

test('SQL that would break the gateway is refused where it is written, and says why', async () => {
  const file = freshFile();
  await withStorage(file, async () => {
    const rows: [sql: string, reason: RegExp][] = [
      [
        "INSERT INTO accounts (id, provider_id, label, auth_data) VALUES ('a', 'o', 'A', '{\"api_key\":\"sk\"}')",
        /auth_data is kept encrypted/u,
      ],
      ["INSERT INTO providers (id, name, base_url) VALUES ('p', 'P', 'ftp://x')", /base_url must start with/u],
      [
        "INSERT INTO providers (id, name, base_url, supported_models) VALUES ('p', 'P', 'http://x', 'gpt-4')",
        /supported_models must be a JSON array/u,
      ],
      [
        "INSERT INTO providers (id, name, base_url, config) VALUES ('p', 'P', 'http://x', '[]')",
        /config must be a JSON object/u,
      ],
      [
        "INSERT INTO providers (id, name, base_url, is_active) VALUES ('p', 'P', 'http://x', 'yes')",
        /is_active must be true or false/u,
      ],
      [
        "INSERT INTO accounts (id, provider_id, label, auth_data, weight) VALUES ('a', 'o', 'A', 'agwv1.', -1)",
        /weight must not be negative/u,
      ],
      [
        "INSERT INTO prices (id, model, input_nano_usd) VALUES ('p', 'm', 2.5)",
        /input_nano_usd must be whole nano-dollars per million tokens/u,
      ],
      [
        "INSERT INTO prices (id, model, long_audio_output_nano_usd) VALUES ('p', 'm', -1)",
        /long_audio_output_nano_usd must be whole nano-dollars/u,
      ],
      ["INSERT INTO prices (id, model, long_over_tokens) VALUES ('p', 'm', 0)", /long_over_tokens must be a number/u],
      ["INSERT INTO prices (id, model) VALUES ('list_x', 'm')", /id must not be empty, nor begin with list_/u],
      ["INSERT INTO prices (id, model) VALUES ('p', '')", /model must not be empty/u],
    ];
    for (const [sql, reason] of rows) outside(file, (database) => assert.throws(() => database.exec(sql), reason));
  });
});

test('a row that cannot be read is named, and the others are read', async () => {
  const file = freshFile();
  await withStorage(file, async (storage) => {
    outside(file, (database) => {
      database.exec(specifiedInsert);
      database.exec(
        "INSERT INTO providers (id, name, base_url, supported_models) VALUES ('bad', 'B', 'http://x', '[1]')",
      );
      database.exec("INSERT INTO routes (id, pattern, provider_id, fallbacks) VALUES ('r', 'x', 'openai', 'nonsense')");
    });
    const rows = await storage.readConfiguration();
    assert.deepEqual(
      rows.providers.map(({ id }) => id),
      ['openai'],
    );
    assert.deepEqual(rows.problems, [
      'providers row "bad": supported_models is not a JSON array of texts',
      'routes row "r": fallbacks is not JSON',
    ]);
    await assert.rejects(storage.providers.get('bad'), /providers row "bad": supported_models/u);
    assert.equal(await storage.providers.update('bad', { supported_models: [] }), true);
    assert.equal((await storage.providers.list(10)).length, 2);
  });
});

test('what was written is there after it is opened again', async () => {
  const file = freshFile();
  await withStorage(file, async (storage) => void (await storage.keepNote('n', 'text')));
  outside(file, (database) => database.exec(specifiedInsert));
  await withStorage(file, async (storage) => {
    assert.equal(await storage.readNote('n'), 'text');
    assert.equal((await storage.providers.list(10)).length, 1);
  });
});

async function copyOf(file: string, copy: string): Promise<void> {
  const connection = await SqliteConnection.open(file);
  await connection.backup(copy);
  await connection.close();
}

test('a backup is a copy of its own that opens, made while writes go on', async () => {
  const file = freshFile();
  const copy = join(freshFolder(), 'copy.db');
  await withStorage(file, async (storage) => {
    outside(file, (database) => database.exec(specifiedInsert));
    await Promise.all([copyOf(file, copy), ...Array.from({ length: 50 }, (_, n) => storage.keepNote(`n${n}`, 'x'))]);
    await storage.providers.remove('openai');
  });
  await withStorage(copy, async (storage) => {
    assert.equal((await storage.providers.get('openai'))?.name, 'OpenAI');
    await storage.providers.remove('openai');
  });
});

test('a backup ends though another program writes all the time, and is of one moment', async () => {
  const file = freshFile();
  const copy = join(freshFolder(), 'copy.db');
  await withStorage(file, async () => {
    const writer = new DatabaseSync(file, { timeout: 5000 });
    writer.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF');
    const fill = writer.prepare("INSERT INTO notes VALUES (?, printf('%.*c', 4000, 'x'))");
    writer.exec('BEGIN');
    for (let n = 0; n < 5000; n += 1) fill.run(`filler ${n}`);
    writer.exec('COMMIT');
    const write = writer.prepare("INSERT INTO notes VALUES (?, '')");
    const backup = { isDone: false };
    const done = copyOf(file, copy).then(() => (backup.isDone = true));
    let writes = 0;
    for (; writes < 20_000 && !backup.isDone; writes += 1) {
      write.run(`written meanwhile ${writes}`);
      await setImmediate();
    }
    assert.ok(backup.isDone, `not done after ${writes} writes`);
    await done;
    writer.close();
  });
  outside(copy, (database) =>
    assert.deepEqual(
      { ...database.prepare("SELECT count(*) AS fillers FROM notes WHERE name LIKE 'filler %'").get() },
      { fillers: 5000 },
    ),
  );
});

test('many first starts at once on one fresh folder: all succeed, one schema', async () => {
  for (let round = 0; round < 8; round += 1) {
    const file = freshFile();
    const storages = await Promise.all(Array.from({ length: 4 }, () => openSqliteStorage(file)));
    const proofs = await Promise.all(storages.map((storage, n) => storage.keepNote('proof', String(n))));
    assert.equal(new Set(proofs).size, 1);
    assert.deepEqual(new Set(await Promise.all(storages.map((storage) => storage.revision()))), new Set([1]));
    await Promise.all(storages.map((storage) => storage.close()));
  }
});

test('several gateways write to one file at once', async () => {
  const file = freshFile();
  const storages = await Promise.all([1, 2, 3].map(() => openSqliteStorage(file)));
  await Promise.all(
    storages.flatMap((storage, who) =>
      Array.from({ length: 30 }, (_, n) =>
        storage.routes.insert({
          id: `${who}-${n}`,
          pattern: `p${who}-${n}`,
          provider_id: 'x',
          model: null,
          fallbacks: [],
        }),
      ),
    ),
  );
  for (const storage of storages) {
    assert.equal((await storage.routes.list(1000)).length, 90);
    await storage.close();
  }
});

test("another program's database is left alone", async () => {
  const file = freshFile();
  outside(file, (database) => database.exec('CREATE TABLE recipes (name TEXT); PRAGMA user_version = 3'));
  await assertRefused(file, /belongs to another program; move it away or set another DATA_DIR/u);
  outside(file, (database) => {
    assert.deepEqual(
      database
        .prepare('SELECT name FROM sqlite_schema')
        .all()
        .map((row) => row['name']),
      ['recipes'],
    );
    assert.equal(database.prepare('PRAGMA journal_mode').get()?.['journal_mode'], 'delete');
  });
});

test('a text file is left alone', async () => {
  const file = freshFile();
  writeFileSync(file, 'these are my notes, and they are longer than a database header is\n'.repeat(20));
  await assertRefused(file, /is not an SQLite database; move it away/u);
});

test('a database of a newer version is left alone', async () => {
  const file = freshFile();
  await withStorage(file, async () => {});
  outside(file, (database) => database.exec('PRAGMA user_version = 99'));
  await assertRefused(file, /was written by a newer version of aigateway; use that version/u);
  outside(file, (database) => assert.equal(database.prepare('PRAGMA user_version').get()?.['user_version'], 99));
});

test('a folder that is not there, or a folder in place of the file', async () => {
  await assertRefused(
    join(freshFolder(), 'nowhere', 'aigateway.db'),
    /cannot be opened; check that the folder exists/u,
  );
  const folder = join(freshFolder(), 'aigateway.db');
  mkdirSync(folder);
  await assertRefused(folder, /cannot be opened/u);
});

/** Root may write anywhere: while `act` runs, root is somebody who may not. */
async function asOrdinaryUser(paths: readonly string[], act: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return act();
  const nobody = 65_534;
  for (const path of paths) chownSync(path, nobody, nobody);
  process.seteuid?.(nobody);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
  }
}

test('a folder without the right to write', async () => {
  const folder = freshFolder();
  chmodSync(folder, 0o500);
  await asOrdinaryUser([folder], () =>
    assertRefused(join(folder, 'aigateway.db'), /cannot be (?:opened|written); check/u),
  );
  chmodSync(folder, 0o700);
});

test('a file without the right to write', async () => {
  const file = freshFile();
  outside(file, () => {});
  writeFileSync(file, '');
  chmodSync(file, 0o400);
  await asOrdinaryUser([dirname(file), file], () => assertRefused(file, /cannot be (?:opened|written); check/u));
});

describe('a locked file: five seconds of patience', { concurrency: true }, () => {
  it('a file that another program has locked', async () => {
    const file = freshFile();
    const locker = new DatabaseSync(file);
    locker.exec('BEGIN EXCLUSIVE');
    await assertRefused(file, /is locked by another program; end that program or its transaction/u);
    locker.exec('ROLLBACK');
    locker.close();
    await withStorage(file, async (storage) => assert.equal(await storage.revision(), 1));
  });

  it('a write that another program keeps waiting is a StorageError, and works again afterwards', async () => {
    const file = freshFile();
    await withStorage(file, async (storage) => {
      const locker = new DatabaseSync(file);
      locker.exec('BEGIN IMMEDIATE');
      await assert.rejects(storage.keepNote('n', 'x'), StorageError);
      assert.equal(await storage.readNote('n'), undefined);
      locker.exec('ROLLBACK');
      locker.close();
      assert.equal(await storage.keepNote('n', 'x'), 'x');
    });
  });
});
