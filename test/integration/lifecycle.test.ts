// From ready to drained: what a load balancer, an operator and a running stream see of a stop.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { startMock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { runProgram, type Program } from '../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'aigateway-lifecycle-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
async function startWithAccount(
  t: TestContext,
  upstream: string,
  env: Record<string, string> = {},
): Promise<{ program: Program; url: string }> {
  count += 1;
  const program = runProgram([], {
    env: { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: join(folder, String(count)), ...env },
  });
  t.after(() => program[Symbol.asyncDispose]());
  const url = await program.url;
  const send = (method: string, path: string, body: unknown): Promise<Response> =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  assert.equal((await send('PATCH', '/providers/openai', { base_url: upstream })).status, 200);
  const account = { provider_id: 'openai', label: 'One', auth_data: { api_key: 'sk-lifecycle-00000001' } };
  assert.equal((await send('POST', '/accounts', account)).status, 201);
  return { program, url };
}

const stream = (url: string, model = 'gpt-mock-stream-50'): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'a secret prompt' }] }),
  });

test('SIGTERM: ready says no, new answers close, running streams finish whole, exit 0', async (t) => {
  const mock = await startMock({ script: { chunk_delay_ms: 50 } });
  t.after(() => mock.close());
  const { program, url } = await startWithAccount(t, mock.url);
  assert.equal((await fetch(`${url}/ready`)).status, 200);
  const responses = await Promise.all(Array.from({ length: 10 }, () => stream(url)));
  const texts = responses.map((response) => response.text());
  program.process.kill('SIGTERM');
  await eventually('ready says no', async () => (await fetch(`${url}/ready`)).status === 503, 500);
  const late = await stream(url);
  assert.equal(late.status, 200);
  assert.equal(late.headers.get('connection'), 'close');
  for (const text of [...(await Promise.all(texts)), await late.text()]) {
    assert.equal(text.split('"content":').length - 1, 51, 'every chunk');
    assert.match(text, /data: \[DONE\]\n\n$/u);
  }
  await assert.rejects(fetch(`${url}/health`));
  assert.equal(await program.exit, 0);
});

test('SIGUSR1 and SIGUSR2 do nothing; SIGHUP is SIGTERM, however often it comes. A drain that takes too long: the rest gets the error event and still exit 0', async (t) => {
  const mock = await startMock({ script: { chunk_delay_ms: 50 } });
  t.after(() => mock.close());
  const { program, url } = await startWithAccount(t, mock.url, { AIGATEWAY_DRAIN_TIMEOUT_MS: '300' });
  const text = (await stream(url, 'gpt-mock-stream-1000')).text();
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const) program.process.kill(signal);
  await eventually('draining', () =>
    fetch(`${url}/ready`).then(
      ({ status }) => status === 503,
      () => true,
    ),
  );
  program.process.kill('SIGHUP');
  assert.match(await text, /"code":"upstream_stream_interrupted"\}\}\n\n$/u);
  assert.equal(await program.exit, 0);
  assert.equal(program.errors(), '');
});

test('a second signal ends at once', async (t) => {
  const mock = await startMock({ script: { chunk_delay_ms: 50 } });
  t.after(() => mock.close());
  const { program, url } = await startWithAccount(t, mock.url);
  const cut = assert.rejects((await stream(url, 'gpt-mock-stream-1000')).text());
  program.process.kill('SIGTERM');
  await eventually('draining', async () => (await fetch(`${url}/ready`)).status === 503);
  const startedAt = performance.now();
  program.process.kill('SIGTERM');
  assert.equal(await program.exit, 1);
  // The stream would have gone on for 50 s, and the drain waits for it.
  assert.ok(performance.now() - startedAt < 20_000);
  await cut;
});

test('one log line a request, with neither prompt nor key in it; health and metrics', async (t) => {
  const mock = await startMock();
  t.after(() => mock.close());
  const { program, url } = await startWithAccount(t, mock.url, { AIGATEWAY_LOG_LEVEL: 'trace' });
  await (await stream(url)).text();
  await (await stream(url, 'gpt-fault-400')).text();
  await (await fetch(`${url}/v1/nowhere`)).text();
  const { log_format: form } = (await (await fetch(`${url}/api/v1/settings`)).json()) as Record<string, unknown>;
  assert.equal(form, 'json');
  assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'ok' });
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assert.match(metrics, /aigateway_requests_total\{endpoint="chat_completions",status="200",outcome="ok"\} 1/u);
  assert.match(metrics, /aigateway_requests_total\{endpoint="other",status="404",outcome="client_error"\} 1/u);
  program.process.kill('SIGTERM');
  assert.equal(await program.exit, 0);
  const [first, ...lines] = program.output().trimEnd().split('\n');
  assert.equal(first, `listening on ${url}`);
  const logged = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === 'request');
  assert.deepEqual(
    logged.map(({ model, status, outcome, attempts, stream: isStream, prompt_tokens: tokens }) => [
      model,
      status,
      outcome,
      attempts,
      isStream,
      typeof tokens,
    ]),
    [
      ['gpt-mock-stream-50', 200, 'ok', 1, true, 'number'],
      ['gpt-fault-400', 400, 'client_error', 1, true, 'undefined'],
      [null, 404, 'client_error', 0, false, 'undefined'],
    ],
  );
  assert.doesNotMatch(program.output() + metrics, /secret prompt|sk-lifecycle/u);
});
