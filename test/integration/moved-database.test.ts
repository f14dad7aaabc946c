// A database file that is moved, deleted or replaced under a running gateway: said, not written into, and nothing is lost.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { runProgram, type Program } from '../support/program.ts';
import { chat, clientOf, setUp, type RigClient } from '../support/rig.ts';

interface Ground {
  readonly folder: string;
  readonly file: string;
  readonly mock: Mock;
  /** Starts a gateway in the folder. */
  readonly start: () => Promise<{ readonly url: string; readonly program: Program; readonly client: RigClient }>;
}

async function ground(t: TestContext): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-moved-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const mock = await startMock();
  t.after(() => mock.close());
  return {
    folder,
    file: join(folder, 'aigateway.db'),
    mock,
    async start() {
      const program = runProgram(['serve', '--port', '0', '--data-dir', folder], {
        env: { AIGATEWAY_DRAIN_TIMEOUT_MS: '0', AIGATEWAY_LOG_LEVEL: 'warn' },
      });
      t.after(() => program[Symbol.asyncDispose]());
      const url = await program.url;
      return { url, program, client: clientOf(url) };
    },
  };
}

/** Sends a request that must be served; its id. */
async function ask({ post }: RigClient): Promise<string> {
  const response = await post('/v1/chat/completions', chat('gpt-4'));
  assert.equal(response.status, 200, await response.text());
  return response.headers.get('x-aigateway-request-id') ?? '';
}

async function listed({ manage }: RigClient): Promise<string[]> {
  return (await manage<{ data: { id: string }[] }>('GET', '/requests?limit=100')).data.map(({ id }) => id).toSorted();
}

async function degradedAt(url: string): Promise<string> {
  return ((await (await fetch(`${url}/ready`)).json()) as { degraded?: string[] }).degraded?.join() ?? '';
}

test('one that is replaced gets no line and no change; the next start books what came meanwhile in the new one', async (t) => {
  const { folder, file, mock, start } = await ground(t);
  const { url, program, client } = await start();
  await setUp(client, mock);
  const asked = [await ask(client)];
  await eventually('it is in the ledger', async () => (await listed(client)).length === 1);
  const copy = join(folder, 'copy.db');
  await using backup = runProgram(['db', 'backup', copy, '--data-dir', folder]);
  assert.equal(await backup.exit, 0);

  renameSync(copy, file);
  asked.push(await ask(client), await ask(client));
  await eventually('it is said', async () => (await degradedAt(url)) === 'database', 5000);
  await assert.rejects(client.manage('PATCH', '/providers/openai', { name: 'Lost' }), /503 .*storage_unavailable/u);
  await eventually('the log says it', () => /the database does not take the ledger/u.test(program.output()));
  assert.match(program.output(), /is not the file that was opened: it was moved, deleted or replaced/u);
  program.process.kill('SIGTERM');
  assert.equal(await program.exit, 0);

  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
  const next = await start();
  await eventually('all are on record', async () => (await listed(next.client)).length === 3, 5000);
  assert.deepEqual(await listed(next.client), asked.toSorted());
});

test('one that is moved away and back again goes on as if nothing had been', async (t) => {
  const { folder, file, mock, start } = await ground(t);
  const { url, client } = await start();
  await setUp(client, mock);
  const asked = [await ask(client)];
  await eventually('it is in the ledger', async () => (await listed(client)).length === 1);

  const away = join(folder, 'away.db');
  renameSync(file, away);
  asked.push(await ask(client));
  await eventually('it is said', async () => (await degradedAt(url)) === 'database', 5000);
  copyFileSync(away, file);
  asked.push(await ask(client));
  renameSync(away, file);
  await eventually('all is well', async () => (await degradedAt(url)) === '', 5000);
  await eventually('all are on record', async () => (await listed(client)).length === 3, 5000);
  assert.deepEqual(await listed(client), asked.toSorted());
});
