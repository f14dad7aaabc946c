// The command line as a person uses it: help, accounts, doctor, backup, demo, and what it says when it cannot.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runOutside } from '../support/outside-sql.ts';
import { runProgram, type ProgramOptions } from '../support/program.ts';
import { redisPassword, startRedis, withoutRedis } from '../support/redis.ts';
import { startRig, type Rig } from '../support/rig.ts';
import { testDatabaseVariable } from '../support/test-database.ts';

interface Run {
  readonly code: number | string;
  readonly output: string;
  readonly errors: string;
}

/** A copy of PostgreSQL is made by its own program. */
const withoutFile = process.env[testDatabaseVariable] === 'postgres' && 'this run uses PostgreSQL';

async function run(args: readonly string[], options: ProgramOptions = {}): Promise<Run> {
  await using program = runProgram(args, options);
  const code = await program.exit;
  return { code, output: program.output(), errors: program.errors() };
}

suite('help', () => {
  for (const args of [
    ['--help'],
    ['help'],
    ['serve', '--help'],
    ['help', 'accounts'],
    ['accounts', '--help'],
    ['keys', '--help'],
    ['doctor', '-h'],
    ['db', '--help'],
    ['vault', '--help'],
    ['chaos', '--help'],
    ['demo', '--help'],
    ['mock', '--help'],
  ]) {
    test(args.join(' '), async () => {
      const { code, output, errors } = await run(args);
      assert.equal(code, 0);
      assert.equal(errors, '');
      assert.match(output, /^Usage: aigateway/mu);
      for (const line of output.split('\n'))
        assert.ok(line.length <= 110, `a line of ${line.length} characters: ${line}`);
      assert.doesNotMatch(output, /`|\]\(/u, 'it is written for a terminal');
    });
  }

  test('of a command that there is not', async () => {
    const { code, errors } = await run(['help', 'nonsense']);
    assert.equal(code, 2);
    assert.match(errors, /^aigateway: there is no command "nonsense"; see "aigateway --help"\n$/u);
  });

  test('--version', async () => {
    assert.match((await run(['--version'])).output, /^\d+\.\d+\.\d+\n$/u);
  });
});

suite('accounts', () => {
  let rig: Rig;
  let at: string[];
  before(async () => {
    rig = await startRig({ keys: [], script: { bad_keys: ['sk-refused-000000000002'] } });
    at = ['--port', new URL(rig.url).port];
  });
  after(() => rig.stop());

  test('add, list, test, disable, enable', async () => {
    const added = await run(['accounts', 'add', '--label', 'Team A', ...at], { input: 'sk-cli-key-0000000000001\n' });
    assert.equal(added.code, 0, added.errors);
    assert.match(added.output, /^added (acc_\w+) "Team A" \(sk-…0001\)/u);
    const fromVariable = await run(['accounts', 'add', '--label', 'Team B', '--key-variable', 'MY_KEY', ...at], {
      env: { MY_KEY: 'sk-refused-000000000002' },
    });
    assert.equal(fromVariable.code, 0, fromVariable.errors);

    const listed = await run(['accounts', 'list', ...at]);
    assert.match(listed.output, /openai +sk-…0001 +ok +Team A/u);
    assert.doesNotMatch(listed.output, /sk-cli|sk-refused/u);

    assert.match((await run(['accounts', 'test', 'Team A', ...at])).output, /"Team A": ok, \d+ models/u);
    const all = await run(['accounts', 'test', ...at]);
    assert.equal(all.code, 1, 'one of two is no good');
    assert.match(all.output, /"Team B": failed: Incorrect API key provided/u);
    assert.doesNotMatch(all.output, /sk-refused/u);

    assert.match((await run(['accounts', 'disable', 'Team B', ...at])).output, /is now disabled/u);
    assert.match((await run(['accounts', 'list', ...at])).output, /disabled +Team B/u);
    assert.match((await run(['accounts', 'enable', 'Team B', ...at])).output, /is now enabled/u);
  });

  for (const [name, args, input, code, says] of [
    ['no action', [], '', 2, /say what to do: aigateway accounts add \| list \| test ACCOUNT/u],
    ['an action that every object has', ['constructor'], '', 2, /say what to do/u],
    ['a label without its quotes', ['disable', 'Team', 'A'], '', 2, /disable takes one ACCOUNT, in quotes/u],
    ['a key in the wrong place', ['add', 'hello-key'], '', 2, /add takes no argument/u],
    ['no label', ['add'], 'sk-x-0000000000000001', 2, /--label/u],
    ['no key', ['add', '--label', 'X'], '', 1, /no key was given/u],
    ['a bad key', ['add', '--label', 'X'], 'hello-key', 1, /must start with "sk-/u],
    ['no such account', ['test', 'Nobody'], '', 1, /no account "Nobody"/u],
  ] as const) {
    test(name, async () => {
      const failed = await run(['accounts', ...args, ...at], { input });
      assert.equal(failed.code, code);
      assert.match(failed.errors, says);
      assert.equal(failed.errors.trimEnd().split('\n').length, 1);
      assert.doesNotMatch(failed.errors, /hello-key/u);
    });
  }

  test('what a provider says moves nothing on the terminal', async () => {
    const error = { message: 'no\u001b[2J \u001b]0;title\u0007way\nsecond line', code: 'invalid_api_key' };
    const body = JSON.stringify({ error });
    const server = createServer((socket) => {
      socket.once('data', () =>
        socket.end(`HTTP/1.1 401 Unauthorized\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
      );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await rig.manage('POST', '/providers', { id: 'rude', base_url: `http://127.0.0.1:${port}` });
    const account = { provider_id: 'rude', label: 'Ru\u001b[2Jde', auth_data: { api_key: 'sk-rude-0000000000001' } };
    const { id } = (await rig.manage('POST', '/accounts', account)) as { id: string };
    const tested = await run(['accounts', 'test', id, ...at]);
    const listed = await run(['accounts', 'list', ...at]);
    await rig.manage('DELETE', `/accounts/${id}`);
    server.close();
    assert.match(tested.output, /^acc_\w+ "Ru \[2Jde": failed: no \[2J .*way second line\n$/u);
    assert.match(listed.output, /Ru \[2Jde/u);
    assert.doesNotMatch(tested.output + listed.output, /[^\P{Cc}\n]/u);
  });

  test('no gateway there', async () => {
    const failed = await run(['accounts', 'list', '--port', '1']);
    assert.equal(failed.code, 1);
    assert.match(failed.errors, /no gateway answers at http:\/\/127\.0\.0\.1:1;/u);
  });

  for (const [name, answer, says] of [
    ['a page', '200 OK\r\ncontent-length: 4\r\n\r\n<p/>', /what answers at .* is not aigateway$/u],
    ['null', '200 OK\r\ncontent-length: 4\r\n\r\nnull', /what answers at .* is not aigateway$/u],
    ['other JSON', '200 OK\r\ncontent-length: 2\r\n\r\n{}', /what answers at .* is not aigateway$/u],
    ['half an answer', '200 OK\r\ncontent-length: 40\r\n\r\n{"data":', /the answer of the gateway .* broke off/u],
  ] as const) {
    test(`something else there: ${name}`, async () => {
      const server = createServer((socket) => {
        socket.once('data', () => socket.end(`HTTP/1.1 ${answer}`));
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const failed = await run(['accounts', 'list', '--port', String(port)]);
      server.close();
      assert.equal(failed.code, 1);
      assert.match(failed.errors.trimEnd(), says);
      assert.equal(failed.errors.trimEnd().split('\n').length, 1);
    });
  }
});

suite('keys', () => {
  let rig: Rig;
  let at: string[];
  before(async () => {
    rig = await startRig();
    at = ['--port', new URL(rig.url).port];
  });
  after(() => rig.stop());

  const statusWith = async (key: string): Promise<number> =>
    (await fetch(`${rig.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;

  test('create, list, rotate, revoke', async () => {
    assert.match((await run(['keys', 'list', ...at])).output, /^no client keys yet; make one with: /u);
    const options = ['--models', 'gpt-4*, o3', '--rpm', '60', '--budget', '25', '--period', 'month'];
    const made = await run(['keys', 'create', '--name', 'Team A', ...options, ...at]);
    assert.equal(made.code, 0, made.errors);
    assert.match(made.output, /^agw_[0-9A-Za-z]{49}\n$/u, 'the key alone, for a script to take');
    assert.match(made.errors, /^made key_\w+ "Team A"; this is the key, shown now and never again:\n$/u);
    const key = made.output.trim();
    const listed = await run(['keys', 'list', ...at]);
    assert.equal(await statusWith(key), 200);
    assert.match(listed.output, new RegExp(`${key.slice(0, 10)}… +active +never +gpt-4\\*,o3 +Team A`, 'u'));
    assert.ok(!listed.output.includes(key.slice(0, 12)));
    const [row] = JSON.parse((await run(['keys', 'list', '--json', ...at])).output) as Record<string, unknown>[];
    assert.deepEqual([row?.['rpm'], row?.['budget']], [60, { amount: '25', period: 'month', time_zone: 'UTC' }]);

    const rotated = await run(['keys', 'rotate', 'Team A', '--grace-period-ms', '60000', ...at]);
    const next = rotated.output.trim();
    assert.match(rotated.errors, /the old key works on for 60000 ms/u);
    assert.deepEqual([await statusWith(key), await statusWith(next)], [200, 200]);
    const again = await run(['keys', 'rotate', `${next.slice(0, 10)}…`, '--json', ...at]);
    const last = (JSON.parse(again.output) as { key: string }).key;
    assert.deepEqual([await statusWith(next), await statusWith(last)], [401, 200]);

    assert.match((await run(['keys', 'revoke', 'Team A', ...at])).output, /^revoked key_\w+ "Team A" for good\n$/u);
    assert.equal(await statusWith(last), 401);
    assert.match((await run(['keys', 'list', ...at])).output, / revoked /u);
  });

  for (const [name, args, code, says] of [
    ['no action', [], 2, /say what to do/u],
    ['no name', ['create'], 2, /--name TEXT/u],
    ['a limit that is no number', ['create', '--name', 'X', '--rpm', 'many'], 2, /--rpm must be a whole number/u],
    ['a period without a budget', ['create', '--name', 'X', '--period', 'day'], 2, /--budget USD/u],
    ['a budget that is none', ['create', '--name', 'X', '--budget', 'much'], 1, /budget\.amount must be an amount/u],
    ['a time that is none', ['create', '--name', 'X', '--expires-at', 'soon'], 1, /expires_at must be a time/u],
    ['no key named', ['revoke'], 2, /say which key/u],
    ['no such key', ['revoke', 'agw_secret'], 1, /there is no such client key/u],
  ] as const) {
    test(name, async () => {
      const failed = await run(['keys', ...args, ...at]);
      assert.equal(failed.code, code, failed.errors);
      assert.match(failed.errors, says);
      assert.equal(failed.errors.trimEnd().split('\n').length, 1);
      assert.doesNotMatch(failed.errors, /agw_secret/u);
    });
  }
});

suite('doctor and db', () => {
  let rig: Rig;
  let data: string[];
  before(async () => {
    rig = await startRig();
    data = [...rig.flags];
  });
  after(() => rig.stop());

  test('all is well', async () => {
    const { code, output } = await run(['doctor', ...data]);
    assert.equal(code, 0, output);
    for (const what of [
      'Node.js',
      'settings',
      'data folder',
      'database',
      'master key',
      'accounts',
      'client keys',
      'openai',
    ]) {
      assert.match(output, new RegExp(`^✓ ${what}`, 'mu'));
    }
  });

  test('takes every setting that serve takes, and refuses a bad one as serve does', async () => {
    const good = await run(['doctor', ...data, '--port', '9000', '--max-attempts', '2']);
    assert.equal(good.code, 0, good.output);
    const bad = await run(['doctor', ...data, '--max-attempts', '0']);
    assert.equal(bad.code, 2);
    assert.match(bad.errors, /--max-attempts must be a whole number from 1 to 20, not "0"/u);
  });

  test('a provider that does not answer, a key that is not the right one', async () => {
    await rig.manage('POST', '/providers', { id: 'gone', name: 'Gone', base_url: 'http://127.0.0.1:1' });
    const gone = await run(['doctor', ...data]);
    assert.equal(gone.code, 1);
    assert.match(gone.output, /^✗ gone +http:\/\/127\.0\.0\.1:1 does not answer: the connection was refused/mu);
    const wrong = await run(['doctor', ...data], {
      env: { AIGATEWAY_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64') },
    });
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /^✗ master key .*not the key/mu);
  });

  test('a provider whose answer has no end', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 401 Unauthorized\r\n\r\nand so on');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await rig.manage('POST', '/providers', { id: 'endless', base_url: `http://127.0.0.1:${port}` });
    const { output } = await run(['doctor', ...data]);
    server.close();
    assert.match(output, /^✓ endless +http:\/\/127\.0\.0\.1:\d+ answers \(401 without a key/mu);
  });

  test('a Redis that answers, and one that does not', { skip: withoutRedis }, async () => {
    await using redis = await startRedis();
    const good = await run(['doctor', ...data], { env: { AIGATEWAY_REDIS_URL: redis.url } });
    assert.match(good.output, /^✓ Redis +redis:\/\/127\.0\.0\.1:\d+ answers/mu);
    const wrong = redis.url.replace(redisPassword, 'wrong-canary');
    const bad = await run(['doctor', ...data], { env: { AIGATEWAY_REDIS_URL: wrong } });
    assert.equal(bad.code, 1);
    assert.match(bad.output, /^✗ Redis +redis:\/\/127\.0\.0\.1:\d+ is not to be used: WRONGPASS/mu);
    assert.ok(!`${good.output}${bad.output}${bad.errors}`.includes('canary'));
  });

  test('a fresh machine', async () => {
    const folder = join(tmpdir(), `aigateway-never-${process.pid}`);
    const { code, output } = await run(['doctor', '--data-dir', folder]);
    assert.equal(code, 0);
    assert.match(output, /^! data folder +.*not there yet/mu);
    assert.equal(existsSync(folder), false, 'it changes nothing');
    const away = await run(['doctor', '--data-dir', folder], { env: { AIGATEWAY_REDIS_URL: 'redis://127.0.0.1:1' } });
    assert.equal(away.code, 1);
    assert.match(away.output, /^✗ Redis +redis:\/\/127\.0\.0\.1:1 is not to be used/mu);
  });

  test('a folder in which no gateway was started yet stays empty', { skip: withoutFile }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-empty-'));
    const { code, output } = await run(['doctor', '--data-dir', folder]);
    assert.equal(code, 0, output);
    assert.match(output, /^! database +.*aigateway\.db is not there yet: the first start makes it$/mu);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal((await run(['db', 'migrate', '--data-dir', folder])).code, 0);
    // So that it goes nowhere.
    await runOutside(
      join(folder, 'aigateway.db'),
      "INSERT INTO providers (id, name, base_url) VALUES ('openai', 'Nobody', 'http://127.0.0.1:1')",
    );
    const { output: migrated } = await run(['doctor', '--data-dir', folder]);
    assert.match(migrated, /^✓ database/mu);
    assert.match(migrated, /^! master key +is not there yet: the first start makes it$/mu);
    assert.ok(!readdirSync(folder).includes('master.key'));
    rmSync(folder, { recursive: true });
  });

  test('a backup while the gateway runs, never over an existing file', { skip: withoutFile }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-backup-'));
    const file = join(folder, 'copy.db');
    assert.equal((await run(['db', 'backup', file, ...data])).output, `wrote ${file}\n`);
    const again = await run(['db', 'backup', file, ...data]);
    assert.equal(again.code, 1);
    assert.match(again.errors, /never overwrites/u);
    assert.equal(statSync(file).mode & 0o777, 0o600, 'as private as the database');
    const nowhere = await run(['db', 'backup', join(folder, 'none', 'copy.db'), ...data]);
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.errors, /none\/copy\.db\.part cannot be made \(ENOENT\)/u);
    rmSync(folder, { recursive: true });
  });

  test('a folder that was misspelt is no empty database', { skip: withoutFile }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-misspelt-'));
    const other = join(folder, 'other');
    for (const command of [
      ['db', 'backup', join(folder, 'copy.db')],
      ['vault', 'status'],
    ]) {
      const { code, errors } = await run([...command, '--data-dir', other]);
      assert.equal(code, 1);
      assert.match(errors, /there is no database .*other\/aigateway\.db; check --data-dir/u);
    }
    assert.deepEqual(readdirSync(folder), [], 'nothing was made');
    rmSync(folder, { recursive: true });
  });
});

test('demo tells its story on one screen', async () => {
  const { code, output, errors } = await run(['demo']);
  assert.equal(code, 0, errors);
  assert.equal(errors, '');
  assert.match(output, /HTTP 200, served by acc_\w+ after 2 attempts/u);
  assert.match(output, /Revoked +benched +answered 401/u);
  assert.ok(output.split('\n').length <= 40, `${output.split('\n').length} lines`);
});

test('mock listens where it is told and says why it cannot', async () => {
  await using program = runProgram(['mock', '--port', '0']);
  const url = await program.url;
  assert.equal((await fetch(`${url}/__faults`)).status, 200);
  const taken = await run(['mock', '--port', new URL(url).port]);
  assert.equal(taken.code, 1);
  assert.match(taken.errors, /is in use/u);
  for (const port of ['', ' ', '1e3', '0x50', '65536']) {
    const wrong = await run(['mock', '--port', port]);
    assert.equal(wrong.code, 2, port);
  }
  const script = await run(['mock', '--script', '/nowhere.json']);
  assert.match(script.errors, /\/nowhere\.json cannot be read \(ENOENT\)/u);
  program.process.kill('SIGTERM');
  assert.equal(await program.exit, 0);
});
