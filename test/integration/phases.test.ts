// Each limit of time fires in its own phase and in no other: connecting, until the first content, and between two pieces after it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../support/await.ts';
import { chat, startRig } from '../support/rig.ts';

const shortMs = 1200;
const longMs = 60_000;

type Mode = 'streamed' | 'buffered' | 'whole';

/** What an upstream does the first time, and how each mode of asking ends: the failures of its attempts, or the error in the stream. */
type Row = readonly [what: string, model: object, expected: Partial<Record<Mode, string>>];

const first = (fault: string): object => ({ fault: { fault, first: 1 } });
/** Content comes for longer than the short limit. */
const slowly = { chunks: 7, chunk_delay_ms: shortMs / 4 };

const tables: Readonly<Record<string, readonly [limits: Record<string, string>, rows: readonly Row[]]>> = {
  'a short limit to the first content, a long one after it': [
    { FIRST_BYTE_TIMEOUT_MS: String(shortMs), STREAM_IDLE_TIMEOUT_MS: String(longMs) },
    [
      [
        'no head',
        first('silence-before-headers'),
        { streamed: 'first_byte_timeout, ok', whole: 'first_byte_timeout, ok' },
      ],
      [
        'a role and no content',
        first('role-then-silence'),
        { streamed: 'first_byte_timeout, ok', buffered: 'first_byte_timeout, ok' },
      ],
      ['content for long', slowly, { streamed: 'ok', buffered: 'ok' }],
    ],
  ],
  'a long limit to the first content, a short one after it': [
    { FIRST_BYTE_TIMEOUT_MS: String(longMs), STREAM_IDLE_TIMEOUT_MS: String(shortMs) },
    [
      ['a late first word', { first_token_delay_ms: shortMs * 1.5 }, { streamed: 'ok', buffered: 'ok' }],
      ['a late head', { delay_ms: shortMs * 1.5 }, { streamed: 'ok', buffered: 'ok', whole: 'ok' }],
      ['content for long', slowly, { streamed: 'ok', buffered: 'ok' }],
      ['a word and no more', first('silence-mid-stream'), { streamed: 'idle_timeout', buffered: 'idle_timeout, ok' }],
      ['a head and no more', first('silence-after-headers'), { whole: 'idle_timeout, ok' }],
    ],
  ],
};

interface Line {
  readonly model: string;
  readonly attempts: readonly { readonly failure: string | null }[];
}

for (const [name, [limits, rows]] of Object.entries(tables)) {
  test(`${name}: in every mode`, async () => {
    const asked = rows.flatMap(([what, script, expected], row) =>
      Object.entries(expected).map(([mode, ends]) => ({ what, script, mode, ends, model: `gpt-4-${row}-${mode}` })),
    );
    await using rig = await startRig({
      keys: ['sk-test-key-000000000001', 'sk-test-key-000000000002'],
      settings: limits,
      script: { models: Object.fromEntries(asked.map(({ model, script }) => [model, script])) },
    });
    await Promise.all(
      asked.map(async ({ model, mode }) => {
        const headers = mode === 'buffered' ? { 'x-aigateway-stream': 'buffered' } : {};
        const response = await rig.post('/v1/chat/completions', chat(model, { stream: mode !== 'whole' }), headers);
        await response.text();
      }),
    );
    let lines: Line[] = [];
    await eventually('all are in the ledger', async () => {
      lines = (await rig.manage<{ data: Line[] }>('GET', '/requests?limit=100')).data;
      return lines.length === asked.length;
    });
    const ends = new Map(
      lines.map(({ model, attempts }) => [model, attempts.map(({ failure }) => failure ?? 'ok').join(', ')]),
    );
    assert.deepEqual(
      asked.map(({ what, mode, model }) => `${what}, ${mode}: ${ends.get(model)}`),
      asked.map(({ what, mode, ends: expected }) => `${what}, ${mode}: ${expected}`),
    );
  });
}

test('no connection: the error says that it was the limit for connecting, and how long that is', async (context) => {
  // Takes connections and never shakes hands: a TLS connection to it is never there.
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  context.after(() => silent.close());
  await using rig = await startRig({ settings: { CONNECT_TIMEOUT_MS: '200', MAX_ATTEMPTS: '1' } });
  const address = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  await rig.manage('PATCH', '/providers/openai', { base_url: address });
  const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  assert.deepEqual([response.status, error.code], [504, 'upstream_timeout']);
  assert.ok(error.message.startsWith(`${address}: no connection within the connect limit of 200 ms`), error.message);
});
