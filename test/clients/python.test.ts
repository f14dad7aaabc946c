// OpenAI's official client for Python, through the gateway: a script does what programs do, and this file judges what it saw.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { JournalEntry } from '../../src/mock/journal.ts';
import { eventually } from '../support/await.ts';
import { installPythonClient, openaiVersion } from '../support/python.ts';
import { startRig } from '../support/rig.ts';
import { echo, weatherArguments } from './support.ts';

const script = join(import.meta.dirname, 'python', 'essentials.py');
const run = promisify(execFile);

/** Model → class, status, code, type and param of the exception, and how many requests the client sent. */
const errors = {
  'gpt-fault-400': ['BadRequestError', 400, 'invalid_value', 'invalid_request_error', 'messages[0].role', 1],
  'gpt-fault-403-country': [
    'PermissionDeniedError',
    403,
    'unsupported_country_region_territory',
    'request_forbidden',
    null,
    1,
  ],
  'gpt-fault-404-model': ['NotFoundError', 404, 'model_not_found', 'invalid_request_error', null, 1],
  'no-such-model': ['NotFoundError', 404, 'model_not_found', 'invalid_request_error', 'model', 1],
  'gpt-fault-422': ['UnprocessableEntityError', 422, null, 'invalid_request_error', null, 1],
  'gpt-fault-429-retry-after-ms@10': ['RateLimitError', 429, 'rate_limit_exceeded', 'requests', null, 1],
  'gpt-fault-close-before-headers': ['InternalServerError', 502, 'upstream_unavailable', 'server_error', null, 1],
  'gpt-fault-should-retry-false': ['InternalServerError', 500, null, 'server_error', null, 1],
  // Benches every account, so it stands last.
  'gpt-fault-401-echo-key': ['AuthenticationError', 401, 'invalid_api_key', 'invalid_request_error', null, 1],
} as const;

const broken = ['gpt-fault-cut-mid-stream', 'gpt-fault-reset-mid-stream@1500', 'gpt-fault-error-mid-stream'] as const;
const keys = ['sk-python-test-key-000001', 'sk-python-test-key-000002', 'sk-python-test-key-000003'];

/** An exception as the script saw it. */
interface SeenError {
  readonly class: string | null;
  readonly status: number | null;
  readonly code: string | null;
  readonly type: string | null;
  readonly param: string | null;
  readonly request_id: string | null;
  readonly message: string;
  readonly sent: number;
}

interface SeenStream {
  readonly text: string;
  readonly finish_reasons: readonly string[];
  readonly usages: number;
  readonly empty: number;
}

/** What the script prints. */
interface Seen {
  readonly version: string;
  readonly chat: { text: string; finish_reason: string; total_tokens: number; request_id: string };
  readonly stream: SeenStream;
  readonly stream_with_usage: SeenStream;
  readonly stream_helper: string;
  readonly tools: { name: string; whole: unknown; streamed: unknown };
  readonly completions: { whole: string; tokens: readonly string[]; streamed: string };
  readonly embeddings: { count: number; length: number; largest_difference: number };
  readonly models: { listed: readonly string[]; one: string };
  readonly errors: Readonly<Record<string, SeenError>>;
  readonly broken: Readonly<Record<string, { error: SeenError; text: string }>>;
  readonly aborted_at: number;
}

interface Observed {
  readonly seen: Seen;
  readonly journal: readonly JournalEntry[];
}

/** Runs the script against a gateway of its own. */
async function observe(path: string): Promise<Observed> {
  await using rig = await startRig({ keys, script: { chunk_delay_ms: 5 } });
  const models = [broken.join(','), Object.keys(errors).join(',')];
  const { stdout } = await run(path, [script, rig.url, ...models], { timeout: 60_000 });
  await eventually('every upstream request has ended', () => rig.mock.journal().open_requests === 0);
  return { seen: JSON.parse(stdout) as Seen, journal: rig.mock.journal().entries };
}

/** Installs, runs, and leaves nothing behind. */
async function installAndObserve(): Promise<Observed | { readonly reason: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'aigateway-python-'));
  try {
    const installed = await installPythonClient(folder);
    return 'path' in installed ? await observe(installed.path) : installed;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const result = await installAndObserve();
if ('seen' in result) judge(result);
else test('the Python client', process.env['CI'] ? {} : { skip: result.reason }, () => assert.fail(result.reason));

function judge({ seen, journal }: Observed): void {
  test('the pinned release is what ran, and no key of its own went up', () => {
    assert.equal(seen.version, openaiVersion);
    assert.match(journal[0]?.headers['user-agent'] ?? '', /^OpenAI\/Python /u);
    assert.ok(journal.every(({ key }) => keys.some((one) => key === `sk-…${one.slice(-4)}`)));
  });

  test('chat, whole', () => {
    const { text, finish_reason, total_tokens, request_id } = seen.chat;
    assert.deepEqual([text, finish_reason, request_id], [echo, 'stop', journal[0]?.request_id]);
    assert.ok(total_tokens > 0);
  });

  test('chat, streamed: the usage chunk is there exactly when it was asked for', () => {
    assert.deepEqual(seen.stream, { text: echo, finish_reasons: ['stop'], usages: 0, empty: 0 });
    assert.deepEqual(seen.stream_with_usage, { text: echo, finish_reasons: ['stop'], usages: 1, empty: 1 });
    assert.equal(seen.stream_helper, echo);
  });

  test('tools, whole and streamed', () => {
    assert.deepEqual(seen.tools, { name: 'get_weather', whole: weatherArguments, streamed: weatherArguments });
  });

  test('legacy completions, whole and streamed', () => {
    const text = ' Echo: say this';
    assert.deepEqual(seen.completions, { whole: text, tokens: [' Echo: <1>', ' Echo: <2><3>'], streamed: text });
  });

  test('embeddings: base64 and numbers are the same vectors', () => {
    const { count, length, largest_difference } = seen.embeddings;
    assert.deepEqual([count, length], [2, 4]);
    assert.ok(largest_difference < 1e-6, String(largest_difference));
  });

  test('models', () => {
    assert.ok(seen.models.listed.includes('gpt-4'));
    assert.equal(seen.models.one, 'gpt-4');
  });

  for (const [model, expected] of Object.entries(errors)) {
    test(`error: ${model}`, () => {
      const error = seen.errors[model];
      assert.deepEqual(
        [error?.class, error?.status, error?.code, error?.type, error?.param, error?.sent],
        [...expected],
      );
      assert.match(error?.request_id ?? '', /^req_/u);
      for (const key of keys) assert.ok(!error?.message.includes(key), 'a key was shown');
    });
  }

  test('error: refused keys are named by their labels', () => {
    const message = seen.errors['gpt-fault-401-echo-key']?.message;
    for (const label of ['Account 1', 'Account 2', 'Account 3']) assert.ok(message?.includes(`"${label}"`), label);
  });

  for (const model of broken) {
    test(`${model} makes the loop raise`, () => {
      const { error, text } = seen.broken[model] ?? {};
      assert.deepEqual([error?.class, error?.code], ['APIError', 'upstream_stream_interrupted']);
      assert.ok(text?.startsWith('Echo:'), 'what had come before the cut was handed on');
    });
  }

  test('closing a stream closes the upstream connection', () => {
    const entry = journal.find(({ model }) => model === 'gpt-mock-stream-100000');
    assert.deepEqual([entry?.closed_by, entry?.finished], ['client', false]);
    const tookMs = Number(entry?.closed_at) - seen.aborted_at;
    assert.ok(tookMs <= 500, `closed ${tookMs} ms after the client had gone`);
  });
}
