// OpenAI's official client for Node, through the gateway: everything that it can ask for is answered as OpenAI would.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { zodResponseFormat } from 'openai/helpers/zod';
import type { RunnableToolFunctionWithParse } from 'openai/lib/RunnableFunction';
import { z } from 'zod';
import { startRig, testKey } from '../support/rig.ts';
import {
  clientKey,
  collect,
  echo,
  messages,
  openaiClient,
  question,
  weatherArguments,
  weatherParameters,
} from './support.ts';

const rig = await startRig();
after(() => rig.stop());
const openai = openaiClient(rig);

const weather = {
  type: 'function' as const,
  function: { name: 'get_weather', parameters: weatherParameters, strict: true },
};
const instruct = 'gpt-3.5-turbo-instruct';

test('chat, whole', async () => {
  const { data, response, request_id } = await openai.chat.completions
    .create({ model: 'gpt-4o', messages })
    .withResponse();
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.choices[0]?.message.content, echo);
  assert.equal(data.choices[0]?.finish_reason, 'stop');
  assert.ok((data.usage?.total_tokens ?? 0) > 0);
  const entry = rig.mock.journal().entries.at(-1);
  assert.equal(request_id, entry?.request_id);
  assert.equal(response.headers.get('x-aigateway-account'), rig.accounts[0]);
  assert.equal(response.headers.get('x-aigateway-provider'), 'openai');
  assert.equal(response.headers.get('x-aigateway-attempts'), '1');
  assert.match(response.headers.get('x-ratelimit-remaining-requests') ?? '', /^\d+$/u);
});

test("the account's key goes up, the client's does not; the client's own headers do", async () => {
  await openai.chat.completions.create(
    { model: 'gpt-4o', messages },
    { headers: { 'x-client-request-id': 'mine-1', cookie: 'a=b', 'x-private': '1' } },
  );
  const entry = rig.mock.journal().entries.at(-1);
  assert.equal(entry?.key, `sk-…${testKey.slice(-4)}`);
  assert.doesNotMatch(JSON.stringify(entry), new RegExp(clientKey, 'u'));
  const sent = entry?.headers;
  assert.match(sent?.['user-agent'] ?? '', /^OpenAI\/JS /u);
  assert.equal(sent?.['x-stainless-lang'], 'js');
  assert.equal(sent?.['x-client-request-id'], 'mine-1');
  assert.deepEqual([sent?.['cookie'], sent?.['x-private']], [undefined, undefined]);
});

test('chat, streamed', async () => {
  const { data, request_id } = await openai.chat.completions
    .create({ model: 'gpt-4o', messages, stream: true })
    .withResponse();
  const chunks = await collect(data);
  assert.equal(request_id, rig.mock.journal().entries.at(-1)?.request_id);
  assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant');
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), echo);
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop');
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
});

test('chat, several choices, whole and streamed', async () => {
  const whole = await openai.chat.completions.create({ model: 'gpt-4o', messages, n: 3 });
  assert.deepEqual(
    whole.choices.map(({ index, message }) => [index, message.content]),
    [0, 1, 2].map((index) => [index, echo]),
  );
  const texts = ['', '', ''];
  for await (const chunk of await openai.chat.completions.create({ model: 'gpt-4o', messages, n: 3, stream: true })) {
    for (const { index, delta } of chunk.choices) texts[index] += delta.content ?? '';
  }
  assert.deepEqual(texts, [echo, echo, echo]);
});

test("chat, the client's stream helper accepts the stream and puts it together", async () => {
  const stream = openai.chat.completions.stream({ model: 'gpt-4o', messages, stream_options: { include_usage: true } });
  const heard: string[] = [];
  stream.on('content.delta', ({ delta }) => heard.push(delta));
  const completion = await stream.finalChatCompletion();
  assert.equal(completion.choices[0]?.message.content, echo);
  assert.equal(heard.join(''), echo);
  assert.ok((completion.usage?.completion_tokens ?? 0) > 0);
});

test('tools, whole', async () => {
  const { choices } = await openai.chat.completions.create({ model: 'gpt-4o', messages, tools: [weather] });
  assert.equal(choices[0]?.finish_reason, 'tool_calls');
  const call = choices[0].message.tool_calls?.[0];
  assert.ok(call?.type === 'function');
  assert.match(call.id, /^call_/u);
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), weatherArguments);
});

test('tools, streamed: the pieces join to the same call', async () => {
  const stream = await openai.chat.completions.create({ model: 'gpt-4o', messages, tools: [weather], stream: true });
  const pieces = (await collect(stream)).flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
  assert.ok(pieces.length > 2, 'the arguments come in pieces');
  assert.match(pieces[0]?.id ?? '', /^call_/u);
  assert.equal(pieces[0]?.function?.name, 'get_weather');
  const json = pieces.map((piece) => piece.function?.arguments ?? '').join('');
  assert.deepEqual(JSON.parse(json), weatherArguments);
});

for (const stream of [false, true] as const) {
  test(`tools, the whole conversation run by the client, ${stream ? 'streamed' : 'whole'}`, async () => {
    const asked: unknown[] = [];
    const tool: RunnableToolFunctionWithParse<object> = {
      type: 'function',
      function: {
        name: 'get_weather',
        description: 'The weather in a city.',
        parameters: weatherParameters,
        parse: (text) => JSON.parse(text) as object,
        function: (given) => {
          asked.push(given);
          return 'sunny';
        },
      },
    };
    const request = { model: 'gpt-4o', messages, tools: [tool] };
    const runner = stream
      ? openai.chat.completions.runTools({ ...request, stream })
      : openai.chat.completions.runTools(request);
    assert.equal(await runner.finalContent(), echo);
    assert.deepEqual(asked, [weatherArguments]);
  });
}

test('structured answers are parsed by the client', async () => {
  const City = z.object({ name: z.string(), inhabitants: z.number() });
  const { choices } = await openai.chat.completions.parse({
    model: 'gpt-4o',
    messages,
    response_format: zodResponseFormat(City, 'city'),
  });
  assert.deepEqual(choices[0]?.message.parsed, { name: 'text', inhabitants: 1.5 });
});

test('log probabilities, tier and fingerprint come through', async () => {
  const { choices, service_tier } = await openai.chat.completions.create({
    model: 'gpt-4o',
    messages,
    logprobs: true,
    top_logprobs: 2,
    service_tier: 'priority',
  });
  assert.equal(choices[0]?.logprobs?.content?.[0]?.top_logprobs.length, 2);
  assert.equal(service_tier, 'priority');
});

test('legacy completions, whole, in all four forms of a prompt', async () => {
  for (const [prompt, texts] of [
    ['say this', [' Echo: say this']],
    [
      ['say this', 'and that'],
      [' Echo: say this', ' Echo: and that'],
    ],
    [[1, 2, 3], [' Echo: <1><2><3>']],
    [
      [[1], [2, 3]],
      [' Echo: <1>', ' Echo: <2><3>'],
    ],
  ] as const) {
    const sent = structuredClone(prompt) as string | string[] | number[] | number[][];
    const { choices, object } = await openai.completions.create({ model: instruct, prompt: sent });
    assert.equal(object, 'text_completion');
    assert.deepEqual(
      choices.map(({ text }) => text),
      texts,
    );
  }
});

test('legacy completions, streamed', async () => {
  const prompt = ['say this', 'and that'];
  const texts = ['', ''];
  const finishes: (string | null)[] = [];
  for await (const chunk of await openai.completions.create({ model: instruct, prompt, stream: true })) {
    for (const { index, text, finish_reason } of chunk.choices) {
      texts[index] += text;
      // The declared type knows no null here; the wire does.
      if ((finish_reason as string | null) !== null) finishes.push(finish_reason);
    }
  }
  assert.deepEqual(texts, [' Echo: say this', ' Echo: and that']);
  assert.deepEqual(finishes, ['stop', 'stop']);
});

test('embeddings: the base64 that the client asks for by itself, and the numbers, are the same vectors', async () => {
  const request = { model: 'text-embedding-3-small', input: [question, 'six'], dimensions: 8 };
  const decoded = await openai.embeddings.create(request);
  assert.match(sentBody(), /"encoding_format":"base64"/u);
  const plain = await openai.embeddings.create({ ...request, encoding_format: 'float' });
  assert.match(sentBody(), /"encoding_format":"float"/u);
  assert.deepEqual(
    decoded.data.map(({ embedding }) => [...embedding]),
    plain.data.map(({ embedding }) => embedding),
  );
  assert.deepEqual([plain.data.length, plain.data[0]?.embedding.length], [2, 8]);
  assert.ok(plain.usage.total_tokens > 0);
  const raw = await openai.embeddings.create({ ...request, encoding_format: 'base64' });
  assert.equal(typeof raw.data[0]?.embedding, 'string');
});

test('models: list and one by name', async () => {
  const listed = await collect(await openai.models.list());
  const names = listed.map(({ id }) => id);
  for (const name of ['gpt-4', 'gpt-4-turbo', 'gpt-3.5-turbo']) assert.ok(names.includes(name), name);
  for (const model of listed) assert.deepEqual([model.object, model.owned_by], ['model', 'openai']);
  const { _request_id, ...one } = await openai.models.retrieve('gpt-4');
  assert.deepEqual(one, { id: 'gpt-4', object: 'model', created: 0, owned_by: 'openai' });
});

/** The body that the upstream got last. */
function sentBody(): string {
  return Buffer.from(rig.mock.journal().entries.at(-1)?.body ?? '', 'base64').toString();
}
