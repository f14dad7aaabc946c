// Vercel's AI SDK through the gateway: text, streams, tools, embeddings, and errors that are not lost on the way.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import {
  APICallError,
  embed,
  embedMany,
  generateText,
  isStepCount,
  jsonSchema,
  Output,
  streamText,
  tool,
  type ToolSet,
} from 'ai';
import { startRig } from '../support/rig.ts';
import {
  assertClosedUpstream,
  clientKey,
  collect,
  echo,
  question,
  rejection,
  weatherArguments,
  weatherParameters,
} from './support.ts';

globalThis.AI_SDK_LOG_WARNINGS = false;
const rig = await startRig({ script: { models: { 'gpt-mock-stream-100000': { chunk_delay_ms: 10 } } } });
after(() => rig.stop());
const openai = createOpenAI({ baseURL: `${rig.url}/v1`, apiKey: clientKey });
const chat = openai.chat('gpt-4o');
const instruct = openai.completion('gpt-3.5-turbo-instruct');

/** The tool, with a note of what it was called with. */
function weatherTool(): { readonly tools: ToolSet; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const get_weather = tool({
    description: 'The weather in a city.',
    inputSchema: jsonSchema<typeof weatherArguments>(weatherParameters),
    execute: (given) => {
      asked.push(given);
      return 'sunny';
    },
  });
  return { tools: { get_weather }, asked };
}

suite('chat', () => {
  test('generateText', async () => {
    const { text, finishReason, usage, response } = await generateText({ model: chat, prompt: question });
    assert.deepEqual([text, finishReason], [echo, 'stop']);
    assert.ok((usage.totalTokens ?? 0) > 0);
    assert.equal(response.headers?.['x-aigateway-account'], rig.accounts[0]);
  });

  test('streamText, with the usage that the SDK asks for', async () => {
    const result = streamText({ model: chat, prompt: question });
    assert.equal((await collect(result.textStream)).join(''), echo);
    assert.equal(await result.finishReason, 'stop');
    assert.ok(((await result.usage).outputTokens ?? 0) > 0);
  });

  test('structured output', async () => {
    const schema = jsonSchema<typeof weatherArguments>(weatherParameters);
    const { output } = await generateText({ model: chat, prompt: question, output: Output.object({ schema }) });
    assert.deepEqual(output, weatherArguments);
  });

  test('tools, generateText: call, result, answer', async () => {
    const { tools, asked } = weatherTool();
    const { text, steps } = await generateText({ model: chat, prompt: question, tools, stopWhen: isStepCount(3) });
    assert.deepEqual(asked, [weatherArguments]);
    assert.equal(steps[0]?.finishReason, 'tool-calls');
    assert.equal(text, echo);
  });

  test('tools, streamText: call, result, answer', async () => {
    const { tools, asked } = weatherTool();
    const result = streamText({ model: chat, prompt: question, tools, stopWhen: isStepCount(3) });
    const parts = await collect(result.fullStream);
    const calls = parts.filter((part) => part.type === 'tool-call');
    assert.deepEqual(
      calls.map(({ toolName, input }) => [toolName, input]),
      [['get_weather', weatherArguments]],
    );
    assert.deepEqual(asked, [weatherArguments]);
    assert.equal(await result.text, echo);
  });
});

suite('legacy completions', () => {
  test('generateText', async () => {
    const { text, finishReason } = await generateText({ model: instruct, prompt: 'hello', maxOutputTokens: 50 });
    assert.match(text, /^ Echo: .*hello/su);
    assert.equal(finishReason, 'stop');
  });

  test('streamText', async () => {
    const result = streamText({ model: instruct, prompt: 'hello', maxOutputTokens: 50 });
    assert.match((await collect(result.textStream)).join(''), /^ Echo: .*hello/su);
    assert.equal(await result.finishReason, 'stop');
  });
});

test('embeddings, one and many', async () => {
  const model = openai.embedding('text-embedding-3-small');
  const providerOptions = { openai: { dimensions: 4 } };
  const one = await embed({ model, value: 'a', providerOptions });
  const many = await embedMany({ model, values: ['a', 'b'], providerOptions });
  assert.equal(one.embedding.length, 4);
  assert.ok(one.usage.tokens > 0);
  assert.deepEqual([many.embeddings.length, many.embeddings[0]], [2, one.embedding]);
});

suite('errors', () => {
  for (const [model, status, code, param] of [
    ['no-such-model', 404, 'model_not_found', 'model'],
    ['gpt-fault-400', 400, 'invalid_value', 'messages[0].role'],
    ['gpt-fault-422', 422, null, null],
  ] as const) {
    test(`${status} for ${model}`, async () => {
      const request = generateText({ model: openai.chat(model), prompt: question, maxRetries: 0 });
      const error = await rejection(request, APICallError);
      assert.equal(error.statusCode, status);
      const { error: body } = error.data as { error: { code: unknown; param: unknown } };
      assert.deepEqual([body.code, body.param], [code, param]);
      assert.equal(error.isRetryable, false);
    });
  }

  for (const fault of ['cut-mid-stream', 'error-mid-stream']) {
    test(`${fault} ends the stream with an error, not with a finish`, async () => {
      const model = openai.chat(`gpt-fault-${fault}`);
      const parts = await collect(streamText({ model, prompt: question, onError: () => {} }).fullStream);
      const errors = parts.filter((part) => part.type === 'error');
      assert.equal(errors.length, 1);
      assert.match(JSON.stringify(errors[0]?.error), /upstream_stream_interrupted|incomplete/u);
      assert.ok(parts.some((part) => part.type === 'text-delta'));
    });
  }

  test('an abort reaches the upstream', async () => {
    const controller = new AbortController();
    const model = openai.chat('gpt-mock-stream-100000');
    const { fullStream } = streamText({ model, prompt: question, abortSignal: controller.signal });
    let abortedAtMs = 0;
    for await (const part of fullStream) {
      if (part.type !== 'text-delta' || abortedAtMs > 0) continue;
      abortedAtMs = Date.now();
      controller.abort();
    }
    await assertClosedUpstream(rig, abortedAtMs);
  });
});
