// The user's specification, executed verbatim: its SQL, its two curl commands, read from a copy of the document.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startMock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { runOutside } from '../support/outside-sql.ts';
import { runProgram } from '../support/program.ts';
import { freshDatabase } from '../support/test-database.ts';

const execute = promisify(execFile);
const specification = readFileSync(new URL('../fixtures/openai-provider.md', import.meta.url), 'utf8');

/** The code block of a step. */
function stepOf(title: string, language: string): string {
  const section = specification.split(`### ${title}`)[1] ?? '';
  const block = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'u').exec(section)?.[1];
  assert.ok(block, `${title} has a ${language} block`);
  return block;
}

/** Whether the specification's own port is free: then its commands run to the letter. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('steps 2, 3 and 5 of the specification work as they are written, while the gateway runs', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-spec-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const mock = await startMock();
  context.after(() => mock.close());
  const port = (await isFree(8080)) ? 8080 : await freePort();
  if (port !== 8080) context.diagnostic(`port 8080 is taken here: its number is replaced by ${port}`);
  const database = await freshDatabase(folder);
  const file = database.outside;
  await using gateway = runProgram([], {
    env: {
      AIGATEWAY_DATABASE_URL: database.url,
      AIGATEWAY_DATA_DIR: folder,
      AIGATEWAY_PORT: String(port),
      AIGATEWAY_DRAIN_TIMEOUT_MS: '0',
    },
  });
  const url = await gateway.url;
  const shell = async (command: string): Promise<{ error?: unknown; object?: string; auth_data?: unknown }> => {
    const { stdout } = await execute('bash', ['-c', command.trim().replaceAll('localhost:8080', `localhost:${port}`)]);
    return JSON.parse(stdout) as { object?: string };
  };
  const getJson = async <Answer>(path: string): Promise<Answer> => (await (await fetch(url + path)).json()) as Answer;

  // A fresh install has the provider without any row.
  assert.equal((await getJson<{ base_url: string }>('/api/v1/providers/openai')).base_url, 'https://api.openai.com');
  const fresh = await getJson<{ data: { id: string }[] }>('/v1/models');
  for (const model of ['gpt-4', 'gpt-4-turbo', 'gpt-4-turbo-preview', 'gpt-3.5-turbo', 'gpt-3.5-turbo-16k']) {
    assert.ok(
      fresh.data.some(({ id }) => id === model),
      model,
    );
  }

  // Step 2, by another program: in force within 2 s.
  await runSql(file, stepOf('Step 2: Insert Provider', 'sql'), context);
  await eventually(
    'the row is in force',
    async () => (await getJson<{ data: unknown[] }>('/v1/models')).data.length === 2,
    2000,
  );
  const row = await getJson<Record<string, unknown>>('/api/v1/providers/openai');
  assert.deepEqual(
    { ...row, config: undefined },
    {
      id: 'openai',
      name: 'OpenAI',
      base_url: 'https://api.openai.com',
      auth_type: 'api_key',
      auth_strategy: 'api_key',
      supported_models: ['gpt-4', 'gpt-3.5-turbo'],
      is_active: true,
      config: undefined,
    },
  );

  // Step 3, with only a real-looking key put in.
  const key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';
  const account = await shell(stepOf('Step 3: Create Account via API', 'bash').replace('sk-proj-...', key));
  assert.deepEqual(account.auth_data, { api_key: 'sk-…6789' });

  // A second provider row points at the fake OpenAI, and the specification's prefix leads there.
  await runSql(
    file,
    stepOf('Step 2: Insert Provider', 'sql').replace("'openai'", "'fake'").replace('https://api.openai.com', mock.url),
    context,
  );
  await eventually(
    'the second row is in force',
    async () => (await fetch(`${url}/api/v1/providers/fake`)).status === 200,
    2000,
  );
  await shell(
    stepOf('Step 3: Create Account via API', 'bash').replace('sk-proj-...', key).replace('"openai"', '"fake"'),
  );
  await shell(
    `curl -sS localhost:8080/api/v1/routes -H 'content-type: application/json' -d '{"pattern":"gpt-*","provider_id":"fake"}'`,
  );

  // Step 5, verbatim.
  const answer = await shell(stepOf('Step 5: Test the Integration', 'bash'));
  assert.equal(answer.object, 'chat.completion', JSON.stringify(answer));
  const [call] = mock.journal().entries;
  assert.equal(call?.path, '/v1/chat/completions');
  const sent = JSON.parse(Buffer.from(call?.body ?? '', 'base64').toString()) as unknown;
  assert.deepEqual(sent, { model: 'gpt-4', messages: [{ role: 'user', content: 'test' }], max_tokens: 100 });

  // The key is nowhere in the clear.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const kept = file.startsWith('postgres:')
    ? [JSON.stringify(await runOutside(file, 'SELECT * FROM accounts'))]
    : ['', '-wal'].map((suffix) => readFileSync(file + suffix).toString('latin1'));
  for (const text of kept) assert.doesNotMatch(text, /abcdefghijkl/u);
  assert.doesNotMatch(gateway.output() + gateway.errors(), /abcdefghijkl/u);
  gateway.process.kill('SIGTERM');
  assert.equal(await gateway.exit, 0);
});

/** Runs SQL with the database's own program; where a machine has none (sqlite3 never in CI), with ours, and says so. */
async function runSql(file: string, sql: string, context: { diagnostic(text: string): void }): Promise<void> {
  const isPostgres = file.startsWith('postgres:');
  try {
    await execute(isPostgres ? 'psql' : 'sqlite3', isPostgres ? [file, '-c', sql] : [file, sql]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (!isPostgres && process.env['CI'] !== undefined) throw error;
    context.diagnostic('the program of the database is not here: Node ran the SQL instead');
    await runOutside(file, sql);
  }
}
