// A stream whose upstream has said everything and then neither marks the end nor ends: the client does not wait for what means nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/await.ts';
import { chunked, startRawUpstream, streamHead } from '../support/raw-upstream.ts';
import { chat, startRig } from '../support/rig.ts';

const event = (body: object): Buffer => chunked(Buffer.from(`data: ${JSON.stringify(body)}\n\n`));
const choice = (index: number, delta: object, finish: string | null = null): object => ({
  object: 'chat.completion.chunk',
  choices: [{ index, delta, finish_reason: finish }],
});
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const closingUsage = { object: 'chat.completion.chunk', choices: [], usage };

// Far beyond what a test may take.
const idle = { STREAM_IDLE_TIMEOUT_MS: '600000', FIRST_BYTE_TIMEOUT_MS: '600000', REQUEST_TIMEOUT_MS: '900000' };

const ends = {
  'after the finish reason and the usage': [[closingUsage], 'upstream'],
  'after the finish reason of every choice': [[], 'estimated'],
} as const;

for (const [name, [behind, source]] of Object.entries(ends)) {
  test(`${name} the stream is over soon, and a success`, { timeout: 30_000 }, async (t) => {
    await using rig = await startRig({ settings: idle });
    const raw = await startRawUpstream((socket) => {
      socket.write(streamHead);
      for (const body of [choice(0, { content: 'all' }), choice(0, {}, 'stop'), ...behind]) socket.write(event(body));
    });
    t.after(() => raw.close());
    await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }));
    const text = await response.text();
    assert.match(text, /"content":"all"[^]*"finish_reason":"stop"/u);
    // What did not come is not made up.
    assert.doesNotMatch(text, /"error"|\[DONE\]/u);
    type Listed = { data: { outcome: string; usage_source: string }[] };
    const lines = async (): Promise<Listed['data']> => (await rig.manage<Listed>('GET', '/requests')).data;
    // What is estimated is on record when it has been counted.
    await eventually('the request is on record', async () => (await lines()).length > 0);
    assert.deepEqual(
      (await lines()).map((line) => [line.outcome, line.usage_source]),
      [['ok', source]],
    );
    assert.equal(raw.openSockets(), 0);
  });
}

test('comments behind the end of all do not put the end off', { timeout: 30_000 }, async (t) => {
  await using rig = await startRig({ settings: idle });
  const raw = await startRawUpstream((socket) => {
    socket.write(streamHead);
    for (const body of [choice(0, { content: 'all' }), choice(0, {}, 'stop'), closingUsage]) socket.write(event(body));
    const pings = setInterval(() => socket.write(chunked(Buffer.from(': ping\n\n'))), 300);
    socket.on('error', () => {});
    socket.on('close', () => clearInterval(pings));
  });
  t.after(() => raw.close());
  await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
  const text = await (await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }))).text();
  assert.match(text, /"finish_reason":"stop"/u);
  assert.doesNotMatch(text, /"error"|\[DONE\]/u);
});

const several = {
  'n of a chat': ['/v1/chat/completions', { ...chat('gpt-4'), stream: true, n: 2 }, true],
  'n of a chat, without usage': ['/v1/chat/completions', { ...chat('gpt-4'), stream: true, n: 2 }, false],
  'two prompts': ['/v1/completions', { model: 'gpt-4', stream: true, prompt: ['a', 'b'] }, false],
} as const;

for (const [name, [path, body, hasUsage]] of Object.entries(several)) {
  test(
    `while a choice may still be to come the limit between two pieces is the one that counts: ${name}`,
    { timeout: 30_000 },
    async (t) => {
      await using rig = await startRig({ settings: idle });
      const raw = await startRawUpstream((socket) => {
        socket.write(streamHead);
        socket.write(event({ ...choice(0, { content: 'first' }, 'stop'), ...(hasUsage && { usage }) }));
        // Longer than an end mark may stay away.
        setTimeout(() => {
          socket.write(event(choice(1, { content: 'second' }, 'stop')));
          socket.write(event(closingUsage));
          socket.end(Buffer.concat([chunked(Buffer.from('data: [DONE]\n\n')), Buffer.from('0\r\n\r\n')]));
        }, 2500);
      });
      t.after(() => raw.close());
      await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
      const text = await (await rig.post(path, body)).text();
      assert.match(text, /"content":"first"[^]*"content":"second"[^]*data: \[DONE\]/u);
    },
  );
}

const furtherWords = {
  'of the choice that seemed to be over': 0,
  'of a choice that nobody asked for': 1,
} as const;

for (const [name, index] of Object.entries(furtherWords)) {
  test(`once more comes ${name}, the limit between two pieces counts again`, { timeout: 30_000 }, async (t) => {
    await using rig = await startRig({ settings: idle });
    const raw = await startRawUpstream((socket) => {
      socket.write(streamHead);
      socket.write(event(choice(0, { content: 'first' }, 'stop')));
      setTimeout(() => socket.write(event(choice(index, { content: 'second' }))), 300);
      // Longer than an end mark may stay away.
      setTimeout(() => {
        socket.write(event(choice(index, { content: 'third' }, 'stop')));
        socket.end(Buffer.concat([chunked(Buffer.from('data: [DONE]\n\n')), Buffer.from('0\r\n\r\n')]));
      }, 3000);
    });
    t.after(() => raw.close());
    await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
    const text = await (await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }))).text();
    assert.match(text, /"content":"first"[^]*"content":"second"[^]*"content":"third"[^]*data: \[DONE\]/u);
  });
}
