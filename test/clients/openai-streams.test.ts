// OpenAI's official client for Node and its streams: usage as asked for, goodbyes that reach the upstream, cuts that are never silent.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { APIError, APIUserAbortError } from 'openai';
import { eventually } from '../support/await.ts';
import { startRig } from '../support/rig.ts';
import { assertClosedUpstream, collect, messages, openaiClient, question, rejection } from './support.ts';

/** Slow enough for a client to leave, and for a reset to find its bytes read. */
const rig = await startRig({ script: { chunk_delay_ms: 10 }, settings: { STREAM_IDLE_TIMEOUT_MS: '300' } });
after(() => rig.stop());
const openai = openaiClient(rig);
const instruct = 'gpt-3.5-turbo-instruct';

suite('the usage chunk is there exactly when it was asked for', () => {
  const asks = [undefined, {}, null, { include_usage: false }, { include_usage: true }] as const;
  for (const stream_options of asks) {
    const asked = stream_options !== undefined && stream_options !== null && 'include_usage' in stream_options;
    const isAsked = asked && stream_options.include_usage;
    const options = stream_options === undefined ? {} : { stream_options };
    test(`stream_options ${JSON.stringify(stream_options) ?? 'absent'}`, async () => {
      const chats = await collect(
        await openai.chat.completions.create({ model: 'gpt-4o', messages, stream: true, ...options }),
      );
      const texts = await collect(
        await openai.completions.create({ model: instruct, prompt: question, stream: true, ...options }),
      );
      for (const chunks of [chats, texts]) {
        const withUsage = chunks.filter((chunk) => chunk.usage !== undefined && chunk.usage !== null);
        assert.equal(withUsage.length, isAsked ? 1 : 0);
        assert.equal(chunks.filter((chunk) => chunk.choices.length === 0).length, isAsked ? 1 : 0);
        if (isAsked) assert.equal(chunks.at(-1)?.usage?.total_tokens, withUsage[0]?.usage?.total_tokens);
        else assert.notEqual(chunks.at(-1)?.choices[0]?.finish_reason ?? null, null);
      }
    });
  }
});

suite('a client that goes takes its upstream request with it', () => {
  const long = { model: 'gpt-mock-stream-100000', messages, stream: true } as const;

  test('abort after some content', async () => {
    const stream = await openai.chat.completions.create(long);
    let abortedAtMs = 0;
    let count = 0;
    for await (const chunk of stream) {
      count += chunk.choices.length;
      if (count === 4) {
        abortedAtMs = Date.now();
        stream.controller.abort();
      }
    }
    assert.equal(count, 4);
    await assertClosedUpstream(rig, abortedAtMs);
  });

  test('leaving the loop', async () => {
    for await (const _ of await openai.chat.completions.create(long)) break;
    await assertClosedUpstream(rig, Date.now());
  });

  for (const stream of [false, true]) {
    test(`abort while the upstream is still silent, ${stream ? 'streamed' : 'whole'}`, async () => {
      const before = rig.mock.journal().requests;
      const controller = new AbortController();
      const pending = rejection(
        openai.chat.completions.create(
          { model: 'gpt-fault-silence-before-headers', messages, stream },
          { signal: controller.signal },
        ),
        APIUserAbortError,
      );
      await eventually('the request has reached the upstream', () => rig.mock.journal().requests > before);
      const abortedAtMs = Date.now();
      controller.abort();
      await pending;
      await assertClosedUpstream(rig, abortedAtMs);
      assert.equal(rig.mock.journal().requests, before + 1, 'no further attempt');
    });
  }
});

suite('a stream that breaks makes the loop throw', () => {
  for (const [fault, code] of [
    ['cut-mid-stream', 'upstream_stream_interrupted'],
    ['reset-mid-stream@1500', 'upstream_stream_interrupted'],
    ['error-mid-stream', 'upstream_stream_interrupted'],
    ['no-finish-reason', 'upstream_stream_interrupted'],
    ['short-body', 'upstream_stream_interrupted'],
    ['truncated-json', 'upstream_stream_interrupted'],
    ['silence-mid-stream', 'upstream_stream_stalled'],
    ['malformed-event', 'upstream_invalid_response'],
  ] as const) {
    test(`${fault}, chat`, async () => {
      const { data, request_id } = await openai.chat.completions
        .create({ model: `gpt-fault-${fault}`, messages, stream: true })
        .withResponse();
      let text = '';
      const loop = async (): Promise<void> => {
        for await (const chunk of data) {
          text += chunk.choices[0]?.delta.content ?? '';
          assert.equal(chunk.choices[0]?.finish_reason ?? null, null, 'no invented finish reason');
        }
      };
      const error = await rejection(loop(), APIError);
      assert.deepEqual([error.code, error.type, error.param, error.status], [code, 'server_error', null, undefined]);
      assert.equal(error.requestID, request_id);
      assert.ok(text.startsWith('Echo:'), 'what had come before the cut was handed on');
    });
  }

  for (const fault of ['cut-mid-stream', 'error-mid-stream']) {
    test(`${fault}, legacy completion`, async () => {
      const stream = await openai.completions.create({ model: `gpt-fault-${fault}`, prompt: question, stream: true });
      const error = await rejection(collect(stream), APIError);
      assert.equal(error.code, 'upstream_stream_interrupted');
    });
  }

  test("cut-mid-stream, the client's stream helper", async () => {
    const stream = openai.chat.completions.stream({ model: 'gpt-fault-cut-mid-stream', messages });
    const error = await rejection(stream.finalChatCompletion(), APIError);
    assert.equal(error.code, 'upstream_stream_interrupted');
  });
});

suite('odd but whole streams arrive whole', async () => {
  // No limit of time ends what only a slow machine keeps waiting.
  const patient = await startRig();
  after(() => patient.stop());
  const client = openaiClient(patient);
  for (const fault of ['no-done', 'comments', 'crlf', 'cr', 'byte-by-byte', 'gzip', 'usage-missing', 'usage-absurd']) {
    test(fault, async () => {
      const stream = await client.chat.completions.create({ model: `gpt-fault-${fault}`, messages, stream: true });
      const chunks = await collect(stream);
      assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), `Echo: ${question}`);
      assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop');
    });
  }
});
