// LangChain's OpenAI classes through the gateway: chat, streams, tools, legacy completions, embeddings, and broken streams.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { AIMessageChunk, ToolMessage, type UsageMetadata } from '@langchain/core/messages';
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { APIError, NotFoundError } from 'openai';
import { startRig } from '../support/rig.ts';
import { clientKey, collect, echo, question, rejection, weatherArguments, weatherParameters } from './support.ts';

const rig = await startRig();
after(() => rig.stop());
const common = { apiKey: clientKey, configuration: { baseURL: `${rig.url}/v1` }, maxRetries: 0 };
const weather = {
  type: 'function' as const,
  function: { name: 'get_weather', description: 'The weather in a city.', parameters: weatherParameters },
};

function chat(model: string): ChatOpenAI {
  return new ChatOpenAI({ ...common, model });
}

/** The declared type of a message's usage comes out as `never`. */
function usageOf(message: { usage_metadata?: unknown }): UsageMetadata | undefined {
  return message.usage_metadata as UsageMetadata | undefined;
}

suite('ChatOpenAI', () => {
  test('invoke', async () => {
    const answer = await chat('gpt-4o').invoke(question);
    assert.equal(answer.text, echo);
    assert.ok((usageOf(answer)?.total_tokens ?? 0) > 0);
    assert.equal(answer.response_metadata['finish_reason'], 'stop');
  });

  test('stream, with the usage that it asks for', async () => {
    const chunks = await collect(await chat('gpt-4o').stream(question));
    assert.equal(chunks.map(({ text }) => text).join(''), echo);
    const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
    assert.ok((usageOf(whole)?.output_tokens ?? 0) > 0);
  });

  test('stream, without usage', async () => {
    const model = new ChatOpenAI({ ...common, model: 'gpt-4o', streamUsage: false });
    const chunks = await collect(await model.stream(question));
    assert.equal(chunks.map(({ text }) => text).join(''), echo);
    assert.ok(chunks.every((chunk) => usageOf(chunk) === undefined));
  });

  test('tools: call, result, answer', async () => {
    const model = chat('gpt-4o').bindTools([weather]);
    const asked = await model.invoke(question);
    const [call] = asked.tool_calls ?? [];
    assert.deepEqual([call?.name, call?.args], ['get_weather', weatherArguments]);
    const result = new ToolMessage({ content: 'sunny', tool_call_id: call?.id ?? '' });
    const answer = await model.invoke([{ role: 'user', content: question }, asked, result]);
    assert.equal(answer.text, echo);
  });

  test('tools, streamed', async () => {
    const chunks = await collect(await chat('gpt-4o').bindTools([weather]).stream(question));
    const whole = chunks.reduce((sum, chunk) => sum.concat(chunk), new AIMessageChunk(''));
    const [call] = whole.tool_calls ?? [];
    assert.deepEqual([call?.name, call?.args], ['get_weather', weatherArguments]);
  });

  test('structured output', async () => {
    const model = chat('gpt-4o').withStructuredOutput(weatherParameters, { name: 'weather', method: 'jsonSchema' });
    assert.deepEqual(await model.invoke(question), weatherArguments);
  });

  test('an unknown model', async () => {
    const error = await rejection(chat('no-such-model').invoke(question), NotFoundError);
    assert.equal(error.code, 'model_not_found');
  });

  for (const fault of ['cut-mid-stream', 'error-mid-stream']) {
    test(`${fault} makes the loop throw`, async () => {
      const stream = await chat(`gpt-fault-${fault}`).stream(question);
      const error = await rejection(collect(stream), APIError);
      assert.equal(error.code, 'upstream_stream_interrupted');
    });
  }
});

suite('OpenAI (legacy completions)', () => {
  const model = new OpenAI({ ...common, model: 'gpt-3.5-turbo-instruct' });

  test('invoke', async () => {
    assert.equal(await model.invoke('say this'), ' Echo: say this');
  });

  test('stream', async () => {
    assert.equal((await collect(await model.stream('say this'))).join(''), ' Echo: say this');
  });

  test('a batch of prompts', async () => {
    const { generations } = await model.generate(['a', 'b']);
    assert.deepEqual(
      generations.map(([first]) => first?.text),
      [' Echo: a', ' Echo: b'],
    );
  });
});

test('OpenAIEmbeddings', async () => {
  const embeddings = new OpenAIEmbeddings({ ...common, model: 'text-embedding-3-small', dimensions: 4 });
  const one = await embeddings.embedQuery('a');
  const many = await embeddings.embedDocuments(['a', 'b']);
  assert.deepEqual([one.length, many.length, many[0]], [4, 2, one]);
});
