// Starts that cannot be: one clear line on standard error, exit 1 or 2, and nothing lost.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, suite, test } from 'node:test';
import { runProgram } from '../support/program.ts';

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-start-'));
  folders.push(folder);
  return folder;
};
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Runs a start that must fail; answers its one line. */
async function failedStart(args: readonly string[], env: Record<string, string>, code: number): Promise<string> {
  await using program = runProgram(args, { env });
  assert.equal(await program.exit, code, program.errors() + program.output());
  assert.equal(program.output(), '');
  const lines = program.errors().trimEnd().split('\n');
  assert.equal(lines.length, 1, program.errors());
  assert.match(lines[0] ?? '', /^aigateway: /u);
  return lines[0] ?? '';
}

/** A Node.js that is too old to run the gateway itself, where this machine has one. */
function olderNode(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const { stdout } = spawnSync(join(folder, 'node'), ['--version'], { encoding: 'utf8' });
    if (Number(/^v(\d+)/u.exec(stdout ?? '')?.[1] ?? 99) < 24) return join(folder, 'node');
  }
  return undefined;
}

const older = olderNode();

test(
  'under a Node.js that is too old: a killed launcher leaves no gateway behind',
  { skip: older === undefined },
  async () => {
    const env = { AIGATEWAY_DATA_DIR: newFolder(), AIGATEWAY_PORT: '0' };
    await using program = runProgram([], { env, command: older ?? '' });
    const url = await program.url;
    assert.equal((await fetch(`${url}/health`)).status, 200);
    program.process.kill('SIGKILL');
    // Told when nobody holds its output any more.
    assert.equal(await program.exit, 'SIGKILL');
    await assert.rejects(fetch(`${url}/health`));
  },
);

test(
  'under a Node.js that is too old: SIGTERM ends it as ever, and other signals do not',
  { skip: older === undefined },
  async () => {
    const env = { AIGATEWAY_DATA_DIR: newFolder(), AIGATEWAY_PORT: '0' };
    await using program = runProgram([], { env, command: older ?? '' });
    await program.url;
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGTERM'] as const) program.process.kill(signal);
    assert.equal(await program.exit, 0);
    assert.equal(program.errors(), '');
  },
);

suite('settings', () => {
  for (const [name, args, env, says] of [
    ['an unknown flag', ['--prot', '1'], {}, /--prot/u],
    ['an unknown command', ['server'], {}, /no command "server"/u],
    ['an argument too many', ['serve', 'now'], {}, /now/u],
    ['an unknown variable', [], { AIGATEWAY_PROT: '1' }, /AIGATEWAY_PROT is not a setting/u],
    ['a bad port', ['--port', '99999'], {}, /--port must be a whole number from 0 to 65535, not "99999"/u],
    ['a bad variable', [], { AIGATEWAY_MAX_ATTEMPTS: 'many' }, /AIGATEWAY_MAX_ATTEMPTS must be a whole number/u],
    ['a bad size', [], { AIGATEWAY_MAX_BODY_BYTES: '1 parsec' }, /AIGATEWAY_MAX_BODY_BYTES must be a number of bytes/u],
    ['a short token', [], { AIGATEWAY_ADMIN_TOKEN: 'short' }, /AIGATEWAY_ADMIN_TOKEN must be at least 32 characters/u],
    [
      'a token that no header brings as it is',
      [],
      { AIGATEWAY_ADMIN_TOKEN: 'a pass phrase of more than thirty-two characters' },
      /AIGATEWAY_ADMIN_TOKEN must be at least 32 characters long, all of them ASCII and none white space/u,
    ],
    ['a bad key', [], { AIGATEWAY_ENCRYPTION_KEY: 'AAAA' }, /AIGATEWAY_ENCRYPTION_KEY must be 32 bytes in base64/u],
    ['a bad choice', ['--log-level', 'loud'], {}, /--log-level must be trace, debug/u],
  ] as const) {
    test(name, async () => {
      assert.match(await failedStart(args, { AIGATEWAY_DATA_DIR: newFolder(), AIGATEWAY_PORT: '0', ...env }, 2), says);
    });
  }

  test('an address that others can reach needs the admin token', async () => {
    const line = await failedStart(['--host', '0.0.0.0', '--port', '0'], { AIGATEWAY_DATA_DIR: newFolder() }, 1);
    assert.match(line, /AIGATEWAY_HOST is 0\.0\.0\.0.*AIGATEWAY_ADMIN_TOKEN is needed/u);
  });

  test('a flag wins over the environment', async () => {
    const folder = newFolder();
    await using program = runProgram(['serve', '--port', '0', '--log-level', 'silent'], {
      env: { AIGATEWAY_PORT: '1', AIGATEWAY_DATA_DIR: folder },
    });
    assert.match(await program.url, /^http:\/\/127\.0\.0\.1:\d+$/u);
    assert.equal(program.output().split('\n')[0], `listening on ${await program.url}`);
    assert.equal(statSync(join(folder, 'master.key')).mode & 0o777, 0o600);
  });
});

suite('what the start stands on', () => {
  const start = (folder: string, env: Record<string, string> = {}): Promise<string> =>
    failedStart([], { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder, ...env }, 1);

  test('a worker that nobody supervises', async () => {
    assert.match(await failedStart(['worker'], {}, 1), /"aigateway serve --workers NUMBER", and not by hand/u);
  });

  test('what keeps one worker from starting is said once, and ends all', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'aigateway.db'));
    assert.match(await start(folder, { AIGATEWAY_WORKERS: '2' }), /the database .* cannot be opened/u);
  });

  test('a port in use', async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    assert.match(
      await start(newFolder(), { AIGATEWAY_PORT: String(port) }),
      new RegExp(`127\\.0\\.0\\.1:${port} is in use`, 'u'),
    );
    assert.match(await start(newFolder(), { AIGATEWAY_PORT: String(port), AIGATEWAY_WORKERS: '2' }), /is in use/u);
  });

  test('a data folder that cannot be made', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    assert.match(await start(join(folder, 'file', 'data')), /data folder .* cannot be made \(ENOTDIR\)/u);
  });

  test('a spool that is no folder', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'spool'), '');
    assert.match(await start(folder), /the folder .*spool cannot be made \(EEXIST\)/u);
  });

  test('a data folder that is made has mode 0700', async () => {
    const folder = join(newFolder(), 'new');
    await using program = runProgram([], {
      env: { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder, AIGATEWAY_LOG_LEVEL: 'silent' },
    });
    await program.url;
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  test('a database file that is no database', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'aigateway.db'), 'not a database, but somebody needs it\n'.repeat(100));
    assert.match(await start(folder), /is not an SQLite database; move it away or set another DATA_DIR/u);
    assert.match(readFileSync(join(folder, 'aigateway.db'), 'utf8'), /^not a database/u);
  });

  test("another program's database", async () => {
    const folder = newFolder();
    const database = new DatabaseSync(join(folder, 'aigateway.db'));
    database.exec('CREATE TABLE somebody (x); INSERT INTO somebody VALUES (1)');
    database.close();
    assert.match(await start(folder), /belongs to another program/u);
  });

  test('a database that cannot be read', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'aigateway.db'));
    assert.match(await start(folder), /the database .* cannot be opened/u);
  });

  test('a damaged database', async () => {
    const folder = newFolder();
    {
      await using program = runProgram([], {
        env: {
          AIGATEWAY_PORT: '0',
          AIGATEWAY_DATA_DIR: folder,
          AIGATEWAY_LOG_LEVEL: 'silent',
          AIGATEWAY_DRAIN_TIMEOUT_MS: '0',
        },
      });
      await program.url;
      program.process.kill('SIGTERM');
      assert.equal(await program.exit, 0);
    }
    const file = join(folder, 'aigateway.db');
    const bytes = readFileSync(file);
    bytes.fill(0xff, 100, bytes.length);
    writeFileSync(file, bytes);
    assert.match(await start(folder), /is damaged; restore a backup/u);
  });

  test('the wrong encryption key, or none where one was: refused, and nothing is changed', async () => {
    const folder = newFolder();
    const env = {
      AIGATEWAY_PORT: '0',
      AIGATEWAY_DATA_DIR: folder,
      AIGATEWAY_LOG_LEVEL: 'silent',
      AIGATEWAY_DRAIN_TIMEOUT_MS: '0',
    };
    const key = Buffer.alloc(32, 1).toString('base64');
    const other = Buffer.alloc(32, 2).toString('base64');
    const run = async (encryptionKey: string): Promise<void> => {
      await using program = runProgram([], { env: { ...env, AIGATEWAY_ENCRYPTION_KEY: encryptionKey } });
      await program.url;
      program.process.kill('SIGTERM');
      assert.equal(await program.exit, 0);
    };
    await run(key);
    const before = readFileSync(join(folder, 'aigateway.db'));
    assert.match(
      await start(folder, { AIGATEWAY_ENCRYPTION_KEY: other }),
      /not the key that this database was encrypted with/u,
    );
    assert.match(await start(folder), /master\.key is missing.*Nothing was changed/u);
    assert.equal(existsSync(join(folder, 'master.key')), false);
    assert.deepEqual(readFileSync(join(folder, 'aigateway.db')), before);
    await run(`${other},${key}`);
  });

  test('a full disk', async (context) => {
    const folder = newFolder();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', folder], { stdio: 'pipe' });
    } catch {
      assert.equal(process.env['CI'], undefined, 'CI must be able to mount a small disk');
      context.skip('this user has no right to mount a small disk');
      return;
    }
    try {
      assert.match(await start(folder), /disk is full; free some space/u);
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  test('two starts at once on an empty folder: one migrates, the other waits, both serve', async () => {
    const folder = newFolder();
    const env = { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder, AIGATEWAY_LOG_LEVEL: 'silent' };
    await using first = runProgram([], { env });
    await using second = runProgram([], { env });
    for (const url of await Promise.all([first.url, second.url])) {
      assert.deepEqual(await (await fetch(`${url}/ready`)).json(), { status: 'ready' });
    }
  });
});
