// Legacy completions, embeddings and models of the fake OpenAI, as the real client reads them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, events, post, start } from './support.ts';

const INSTRUCT = 'gpt-3.5-turbo-instruct';

test('a legacy completion takes prompts of every form', async (t) => {
  const openai = client(await start(t));
  const one = await openai.completions.create({ model: INSTRUCT, prompt: 'say this' });
  assert.match(one.id, /^cmpl-/);
  assert.equal(one.object, 'text_completion');
  assert.deepEqual(one.choices, [{ text: ' Echo: say this', index: 0, logprobs: null, finish_reason: 'stop' }]);
  assert.equal(one.usage?.completion_tokens, 4);
  const ids = await openai.completions.create({ model: 'davinci-002', prompt: [1, 2, 3] });
  assert.equal(ids.choices[0]?.text, ' Echo: <1><2><3>');
  assert.equal(ids.usage?.prompt_tokens, 3);
  const many = await openai.completions.create({ model: INSTRUCT, prompt: ['a', 'b'], n: 2 });
  assert.deepEqual(
    many.choices.map(({ index, text }) => [index, text]),
    [
      [0, ' Echo: a'],
      [1, ' Echo: a'],
      [2, ' Echo: b'],
      [3, ' Echo: b'],
    ],
  );
  const idLists = await openai.completions.create({ model: INSTRUCT, prompt: [[1], [2, 3]] });
  assert.equal(idLists.choices[1]?.text, ' Echo: <2><3>');
});

test('echo, logprobs, max_tokens and its default of 16', async (t) => {
  const openai = client(await start(t));
  const echoed = await openai.completions.create({
    model: INSTRUCT,
    prompt: 'say this',
    echo: true,
    logprobs: 1,
    max_tokens: 3,
  });
  assert.equal(echoed.choices[0]?.text, 'say this Echo: say');
  assert.equal(echoed.choices[0]?.finish_reason, 'length');
  assert.deepEqual(echoed.choices[0]?.logprobs?.tokens, ['say', ' this', ' Echo:', ' say']);
  assert.deepEqual(echoed.choices[0]?.logprobs?.text_offset, [0, 3, 8, 14]);
  assert.equal(echoed.choices[0]?.logprobs?.top_logprobs?.length, 4);
  const long = await openai.completions.create({ model: INSTRUCT, prompt: 'word '.repeat(50) });
  assert.equal(long.usage?.completion_tokens, 16);
});

test('a legacy stream', async (t) => {
  const mock = await start(t);
  const openai = client(mock);
  let text = '';
  for await (const chunk of await openai.completions.create({ model: INSTRUCT, prompt: 'say this', stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal(text, ' Echo: say this');
  const body = { model: INSTRUCT, prompt: ['a', 'b'], stream: true, stream_options: { include_usage: true } };
  const list = events(await (await post(mock, body, { path: '/v1/completions' })).text());
  const chunks = list.slice(0, -1) as { choices: { index: number; text: string }[]; usage: unknown }[];
  assert.equal(list.at(-1), '[DONE]');
  assert.deepEqual(
    chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.index)),
    [0, 1, 0, 1, 0, 1],
  );
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.equal(chunks[0]?.usage, null);
});

test('embeddings are unit vectors that depend on the text alone', async (t) => {
  const openai = client(await start(t));
  const model = 'text-embedding-3-small';
  const asFloats = await openai.embeddings.create({ model, input: ['cat', 'dog'], encoding_format: 'float' });
  const byDefault = await openai.embeddings.create({ model, input: 'cat' });
  assert.equal(asFloats.data.length, 2);
  assert.equal(asFloats.data[0]?.embedding.length, 1536);
  assert.deepEqual(byDefault.data[0]?.embedding, asFloats.data[0]?.embedding);
  assert.notDeepEqual(asFloats.data[1]?.embedding, asFloats.data[0]?.embedding);
  const squares = asFloats.data[0]?.embedding.reduce((sum, value) => sum + value * value, 0) ?? 0;
  assert.ok(Math.abs(squares - 1) < 1e-5);
  assert.deepEqual(asFloats.usage, { prompt_tokens: 2, total_tokens: 2 });
  const short = await openai.embeddings.create({
    model,
    input: [[1, 2], [3]],
    dimensions: 8,
    encoding_format: 'float',
  });
  assert.equal(short.data[0]?.embedding.length, 8);
  assert.equal(short.usage.prompt_tokens, 3);
});

test('embeddings come as base64 when asked', async (t) => {
  const mock = await start(t);
  const body = { model: 'text-embedding-3-large', input: 'cat', encoding_format: 'base64' };
  const answer = (await (await post(mock, body, { path: '/v1/embeddings' })).json()) as {
    data: { embedding: string }[];
  };
  assert.equal(Buffer.from(answer.data[0]?.embedding ?? '', 'base64').length, 3072 * 4);
});

test('models are listed and shown', async (t) => {
  const mock = await start(t, { script: { keys: { 'sk-few': { models: ['gpt-4o'] } } } });
  const openai = client(mock);
  const names: string[] = [];
  for await (const model of openai.models.list()) names.push(model.id);
  assert.ok(names.includes('gpt-4o') && names.includes('text-embedding-3-small'));
  const shown = await openai.models.retrieve('gpt-4o-mini');
  assert.equal(shown.object, 'model');
  await assert.rejects(openai.models.retrieve('llama'), { status: 404, code: 'model_not_found' });
  const few = await client(mock, 'sk-few').models.list();
  assert.deepEqual(
    few.data.map((model) => model.id),
    ['gpt-4o'],
  );
  const listing = await fetch(`${mock.url}/v1/models`, { headers: { authorization: 'Bearer sk-few' } });
  assert.equal(listing.headers.get('x-ratelimit-limit-requests'), null);
});
