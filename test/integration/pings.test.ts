// Streams that do not fall silent: comments before the first content, and what then becomes of failures and fallbacks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { chat, startRig, type Rig, type RigOptions } from '../support/rig.ts';

const path = '/v1/chat/completions';
const [keyA, keyB] = ['sk-test-pings-000000000001', 'sk-test-pings-000000000002'];
const comment = ': ping\n\n';

/** A gateway that sends a comment after 100 ms of silence. */
function startPinging(options: RigOptions = {}, afterMs = 100): Promise<Rig> {
  return startRig({ ...options, settings: { ...options.settings, PING_AFTER_MS: String(afterMs) } });
}

test('a stream that waits for its first content gets comments, and then the very stream', async () => {
  await using rig = await startPinging();
  const response = await rig.post(path, chat('gpt-fault-slow-first-token@450', { stream: true }));
  const { headers } = response;
  const text = await response.text();
  assert.equal(response.status, 200);
  assert.match(headers.get('content-type') ?? '', /^text\/event-stream/u);
  assert.equal(headers.get('x-accel-buffering'), 'no');
  assert.match(headers.get('x-aigateway-request-id') ?? '', /^req_/u);
  assert.ok(text.startsWith(comment), text.slice(0, 80));
  assert.match(text, /data: \[DONE\]\n\n$/u);
  assert.ok(text.replaceAll(comment, '').startsWith('data: {'), 'the stream follows the comments');
});

test("OpenAI's client reads through the comments", async () => {
  await using rig = await startPinging();
  const client = new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const stream = await client.chat.completions.create({
    model: 'gpt-fault-slow-first-token@350',
    stream: true,
    messages: [{ role: 'user', content: 'one two three' }],
  });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  assert.match(text, /one two three/u);
});

test('another account still serves after a comment', async () => {
  const script = { keys: { [keyA]: { fault: 'silence-before-headers' } } };
  await using rig = await startPinging({ keys: [keyA, keyB], script, settings: { FIRST_BYTE_TIMEOUT_MS: '350' } });
  const text = await (await rig.post(path, chat('gpt-4', { stream: true }))).text();
  assert.ok(text.startsWith(comment));
  assert.equal(text.split('"role":"assistant"').length - 1, 1);
  assert.match(text, /data: \[DONE\]\n\n$/u);
});

test('a failure after a comment is an event of the stream, and the ledger tells of it', async () => {
  for (const [faultOfB, code, booked] of [
    ['silence-before-headers', 'upstream_timeout', 'timeout'],
    ['400', 'invalid_value', 'client_error'],
  ] as const) {
    const script = { keys: { [keyA]: { fault: 'silence-before-headers' }, [keyB]: { fault: faultOfB } } };
    const settings = { FIRST_BYTE_TIMEOUT_MS: '350', MAX_ATTEMPTS: '2' };
    await using rig = await startPinging({ keys: [keyA, keyB], script, settings });
    const response = await rig.post(path, chat('gpt-4', { stream: true }));
    const text = await response.text();
    assert.equal(response.status, 200);
    const events = text.replaceAll(comment, '');
    assert.match(events, /^data: \{.*\}\n\n$/u, 'one event, in one line');
    const { error } = JSON.parse(events.slice('data: '.length)) as { error: { code: string | null; message: string } };
    assert.equal(error.code, code);
    assert.ok(error.message.length > 0);
    const { outcome } = await rig.manage<{ outcome: string }>(
      'GET',
      `/requests/${response.headers.get('x-aigateway-request-id')}`,
    );
    assert.equal(outcome, booked);
  }
});

test('nobody is silent for so long: a stream is the very same, and a failure keeps its status', async () => {
  await using rig = await startPinging({}, 60_000);
  const text = await (await rig.post(path, chat('gpt-4', { stream: true }))).text();
  assert.ok(text.startsWith('data: {') && !text.includes(comment));
  const refused = await rig.post(path, chat('gpt-fault-400', { stream: true }));
  assert.equal(refused.status, 400);
  assert.match(refused.headers.get('content-type') ?? '', /^application\/json/u);
  await refused.text();
});

test('a whole answer gets no comment', async () => {
  await using rig = await startPinging();
  const whole = await rig.post(path, chat('gpt-fault-slow-first-token@350'));
  assert.equal(whole.status, 200);
  JSON.parse(await whole.text());
});
