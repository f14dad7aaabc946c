// What requests used: read from every form of answer, asked for where the client does not, and hidden from it again.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { startProgramRig, type ProgramRig, type RequestLine } from '../support/program-rig.ts';
import { chunked, jsonAnswer, lastChunk, startRawUpstream, streamHead } from '../support/raw-upstream.ts';
import { startRecorder, type Recorder } from '../support/recorder.ts';

let rig: ProgramRig;
before(async () => {
  rig = await startProgramRig();
});
after(() => rig[Symbol.asyncDispose]());

/** Sends a request; the answer's text, and the log's line about it. */
async function ask(path: string, body: unknown): Promise<{ text: string; line: RequestLine }> {
  const before = rig.requestLines().length;
  const response = await rig.post(path, body);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  await eventually('the request is settled', () => rig.requestLines().length > before);
  return { text, line: rig.requestLines().at(-1)! };
}

const bodies = {
  '/v1/chat/completions': { model: 'gpt-4o', messages: [{ role: 'user', content: 'one two three' }] },
  '/v1/completions': { model: 'gpt-3.5-turbo-instruct', prompt: 'one two three' },
};

/** How the client asks for usage → its `stream_options`, and whether it gets the chunk. */
const manners: Readonly<Record<string, readonly [options: unknown, isAsked: boolean]>> = {
  asks: [{ include_usage: true }, true],
  'asks, with another option': [{ include_obfuscation: true, include_usage: true }, true],
  refuses: [{ include_usage: false }, false],
  'refuses, with another option': [{ include_usage: false, include_obfuscation: false }, false],
  'is silent': [undefined, false],
  'is silent, with another option': [{ include_obfuscation: false }, false],
  'sends empty options': [{}, false],
  'sends null for options': [null, false],
};

suite('the usage chunk of a stream', () => {
  const begun = new AsyncDisposableStack();
  let recorder: Recorder;
  before(async () => {
    recorder = begun.use(await startRecorder(rig.mock.url));
    begun.defer(() => rig.manage('PATCH', '/providers/openai', { base_url: rig.mock.url }));
    await rig.manage('PATCH', '/providers/openai', { base_url: recorder.url });
  });
  after(() => begun.disposeAsync());

  for (const [path, body] of Object.entries(bodies)) {
    for (const lineEnd of ['\n', '\r\n'] as const) {
      for (const [manner, [options, isAsked]] of Object.entries(manners)) {
        test(`${path}, ${JSON.stringify(lineEnd)}: the client ${manner}`, async () => {
          recorder.lineEnd = lineEnd;
          const request = { ...body, stream: true, ...(options !== undefined && { stream_options: options }) };
          const { text, line } = await ask(path, request);
          const call = recorder.calls.at(-1)!;
          const sent = JSON.parse(call.sent) as { stream_options: Record<string, unknown> };
          assert.deepEqual(sent, { ...request, stream_options: { ...(options as object), include_usage: true } });
          const events = call.answered.split(lineEnd + lineEnd);
          const usage = events.filter((event) => event.includes('"choices":[]'));
          assert.equal(usage.length, 1, 'the upstream sent one');
          const passed = isAsked ? events : events.filter((event) => event !== usage[0]);
          assert.equal(text, passed.join(lineEnd + lineEnd));
          const entry = rig.mock.journal().entries.at(-1)!;
          assert.ok(entry.prompt_tokens > 0 && entry.completion_tokens > 0);
          assert.deepEqual(
            [line.outcome, line.usage_source, line.prompt_tokens, line.completion_tokens],
            ['ok', 'upstream', entry.prompt_tokens, entry.completion_tokens],
          );
        });
      }
    }
  }
});

test('a provider that is to be spared the option is not asked, and what its streams used is estimated', async (t) => {
  await using recorder = await startRecorder(rig.mock.url);
  t.after(() => rig.manage('PATCH', '/providers/openai', { base_url: rig.mock.url, config: {} }));
  await rig.manage('PATCH', '/providers/openai', { base_url: recorder.url, config: { ask_stream_usage: false } });
  const body = { ...bodies['/v1/chat/completions'], stream: true };
  const silent = await ask('/v1/chat/completions', body);
  const asking = await ask('/v1/chat/completions', { ...body, stream_options: { include_usage: true } });
  assert.deepEqual(
    recorder.calls.map(({ sent }) => (JSON.parse(sent) as { stream_options?: unknown }).stream_options),
    [undefined, { include_usage: true }],
  );
  assert.deepEqual([silent.line.usage_source, asking.line.usage_source], ['estimated', 'upstream']);
  assert.deepEqual(
    [silent.text, asking.text],
    recorder.calls.map(({ answered }) => answered),
  );
});

suite('whole answers', () => {
  const requests = { ...bodies, '/v1/embeddings': { model: 'text-embedding-3-small', input: 'one two three' } };
  for (const [path, body] of Object.entries(requests))
    test(path, async () => {
      const { line } = await ask(path, body);
      const entry = rig.mock.journal().entries.at(-1)!;
      assert.deepEqual(
        [line.usage_source, line.prompt_tokens, line.completion_tokens],
        ['upstream', entry.prompt_tokens, entry.completion_tokens],
      );
    });

  for (const [path, body] of Object.entries(requests))
    test(`${path}, without usage`, async () => {
      const { line } = await ask(path, { ...body, model: 'gpt-fault-usage-missing' });
      const entry = rig.mock.journal().entries.at(-1)!;
      assert.deepEqual(
        [line.usage_source, line.prompt_tokens, line.completion_tokens],
        ['estimated', entry.prompt_tokens, entry.completion_tokens],
      );
    });
});

suite('odd usage', () => {
  const usageOf = (prompt: unknown, completion: unknown): string =>
    JSON.stringify({ prompt_tokens: prompt, completion_tokens: completion });
  const event = (choices: string, usage?: string): string =>
    `data: {"id":"c","choices":[${choices}]${usage === undefined ? '' : `,"usage":${usage}`}}\n\n`;
  const word = (text: string): string => `{"index":0,"delta":{"content":${JSON.stringify(text)}},"finish_reason":null}`;
  const stop = '{"index":0,"delta":{},"finish_reason":"stop"}';
  const done = 'data: [DONE]\n\n';

  const begun = new AsyncDisposableStack();
  let answer: Buffer = Buffer.alloc(0);
  before(async () => {
    const upstream = await startRawUpstream((socket) => void socket.write(answer));
    begun.defer(() => upstream.close());
    begun.defer(() => rig.manage('PATCH', '/providers/openai', { base_url: rig.mock.url }));
    await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  });
  after(() => begun.disposeAsync());

  /** Events → what is booked. "one two three" in a chat is a prompt of 10 tokens, " hello world" an answer of 2. */
  const streams: Readonly<
    Record<string, readonly [events: readonly string[], booked: readonly [string, number, number]]>
  > = {
    'in every chunk, as it grows': [
      [event(word(' hello'), usageOf(5, 1)), event(word(' world'), usageOf(5, 2)), event(stop, usageOf(5, 2)), done],
      ['upstream', 5, 2],
    ],
    'in the chunk with the finish reason': [
      [event(word(' hello')), event(stop, usageOf(5, 7)), done],
      ['upstream', 5, 7],
    ],
    'in several chunks of its own': [
      [event(word(' hello')), event(stop), event('', usageOf(1, 1)), event('', usageOf(5, 7)), event('', 'null'), done],
      ['upstream', 5, 7],
    ],
    'before the words': [
      [event('', usageOf(5, 7)), event(word(' hello')), event(stop), done],
      ['upstream', 5, 7],
    ],
    'after [DONE]': [
      [event(word(' hello')), event(word(' world')), event(stop), done, event('', usageOf(5, 7))],
      ['estimated', 10, 2],
    ],
    none: [
      [event(word(' hello')), event(word(' world')), event(stop), done],
      ['estimated', 10, 2],
    ],
    'a text': [
      [event(word(' hello')), event(stop), event('', '"many"'), done],
      ['estimated', 10, 1],
    ],
    'a list': [
      [event(word(' hello')), event(stop), event('', '[5,7]'), done],
      ['estimated', 10, 1],
    ],
    'an empty object': [
      [event(word(' hello')), event(stop), event('', '{}'), done],
      ['estimated', 10, 1],
    ],
    'negative and broken numbers': [
      [event(word(' hello')), event(stop), event('', usageOf(-5, 1.5)), done],
      ['estimated', 10, 1],
    ],
    'huge numbers': [
      [event(word(' hello')), event(stop), event('', usageOf(5, 1e30)), done],
      ['upstream', 5, 0],
    ],
    'explicit zeros': [
      [event(word(' hello')), event(stop), event('', usageOf(0, 0)), done],
      ['upstream', 0, 0],
    ],
    'details that are none': [
      [
        event(word(' hello')),
        event(stop),
        event('', '{"prompt_tokens":5,"completion_tokens":7,"prompt_tokens_details":[null]}'),
        done,
      ],
      ['upstream', 5, 7],
    ],
  };

  for (const [name, [events, booked]] of Object.entries(streams))
    test(`in a stream: ${name}`, async () => {
      answer = Buffer.concat([streamHead, chunked(Buffer.from(events.join(''))), lastChunk]);
      const { text, line } = await ask('/v1/chat/completions', { ...bodies['/v1/chat/completions'], stream: true });
      assert.ok(text.endsWith(done), text);
      assert.deepEqual([line.usage_source, line.prompt_tokens, line.completion_tokens], booked);
      assert.equal(line.outcome, 'ok');
    });

  const said = '"choices":[{"index":0,"message":{"content":" hello world"},"finish_reason":"stop"}]';
  const wholes: Readonly<Record<string, readonly [member: string, booked: readonly [string, number, number]]>> = {
    none: ['', ['estimated', 10, 2]],
    null: ['"usage":null,', ['estimated', 10, 2]],
    'a text': ['"usage":"many",', ['estimated', 10, 2]],
    'given twice': [`"usage":${usageOf(1, 1)},"usage":${usageOf(5, 7)},`, ['upstream', 5, 7]],
    'explicit zeros': [`"usage":${usageOf(0, 0)},`, ['upstream', 0, 0]],
  };
  for (const [name, [member, booked]] of Object.entries(wholes))
    test(`in a whole answer: ${name}`, async () => {
      const body = `{${member}${said}}`;
      answer = jsonAnswer(body);
      const { text, line } = await ask('/v1/chat/completions', bodies['/v1/chat/completions']);
      assert.equal(text, body);
      assert.deepEqual([line.usage_source, line.prompt_tokens, line.completion_tokens], booked);
    });
});
