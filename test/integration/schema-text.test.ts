// Legacy completions and embeddings at the limits of OpenAI's own schema: what goes upstream is as valid as what came in.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { startSchemaRig } from '../support/steady.ts';

const rig = await startSchemaRig();
after(() => rig.stop());
const completions = '/v1/completions';
const embeddings = '/v1/embeddings';
const model = 'gpt-3.5-turbo-instruct';
const prompt = 'Say this.';

/** Every field of a legacy completion, with a value that the schema allows. */
const everything = {
  best_of: 20,
  echo: true,
  frequency_penalty: 2,
  logit_bias: { '50256': -100, '1734': 100 },
  logprobs: 5,
  max_tokens: 0,
  model,
  n: 20,
  presence_penalty: -2,
  prompt,
  seed: 7,
  stop: ['a', 'b', 'c', 'd'],
  stream: false,
  stream_options: null,
  suffix: 'The end.',
  temperature: 2,
  top_p: 0,
  user: 'user-1',
};

/** Name → what stands beside `model` and `prompt`. */
const validCompletions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'a prompt of text': {},
  'an empty prompt': { prompt: '' },
  'a prompt of texts': { prompt: ['a', 'b', ''] },
  'a prompt of tokens': { prompt: [1212, 318, 257, 1332] },
  'a prompt of lists of tokens': { prompt: [[1212], [318, 257]] },
  'a prompt of a thousand texts': { prompt: Array.from({ length: 1000 }, (_, n) => `${n}`) },
  'a prompt in every script': { prompt: 'Grüße, 你好, 👩‍👩‍👧 and \u0000 \u2028 "quotes" \\ too.' },
  'all the least values': { n: 1, best_of: 0, logprobs: 0, max_tokens: 0, temperature: 0, top_p: 0 },
  '128 choices': { n: 128 },
  'a stop text': { stop: '\n' },
  'null where null is allowed': {
    best_of: null,
    echo: null,
    logit_bias: null,
    logprobs: null,
    max_tokens: null,
    n: null,
    stop: null,
    stream: null,
    suffix: null,
    temperature: null,
    top_p: null,
  },
  'a stream': { stream: true },
  'a stream, options empty': { stream: true, stream_options: {} },
  'a stream, options null': { stream: true, stream_options: null },
  'a stream with usage': { stream: true, stream_options: { include_usage: true } },
  'a stream without usage': { stream: true, stream_options: { include_usage: false } },
  'a stream with every field': { ...everything, stream: true },
};

/** Name → what stands beside the model. */
const validEmbeddings: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'a text': { input: 'a' },
  texts: { input: ['a', 'b'] },
  '2,048 texts': { input: Array.from({ length: 2048 }, (_, n) => `${n}`) },
  tokens: { input: [1212, 318, 257, 1332] },
  '2,048 tokens': { input: Array.from({ length: 2048 }, (_, n) => n) },
  'lists of tokens': { input: [[1212], [318, 257]] },
  'numbers asked for': { input: 'a', encoding_format: 'float' },
  'base64 asked for': { input: 'a', encoding_format: 'base64' },
  'one dimension': { input: 'a', dimensions: 1 },
  'a user': { input: 'a', user: 'user-1' },
};

suite('valid legacy completions', () => {
  test('the request with every field has every field of the schema', async () => {
    assert.deepEqual(Object.keys(everything).sort(), rig.fields('CreateCompletionRequest'));
    await rig.assertValid(completions, everything);
  });

  for (const [name, fields] of Object.entries(validCompletions)) {
    test(name, () => rig.assertValid(completions, { model, prompt, ...fields }));
  }

  for (const name of ['davinci-002', 'babbage-002', 'ft:babbage-002:acme::abc']) {
    test(`model ${name}`, () => rig.assertValid(completions, { model: name, prompt }));
  }
});

suite('valid embeddings', () => {
  test('the request with every field has every field of the schema', async () => {
    const request = {
      model: 'text-embedding-3-large',
      input: 'a',
      encoding_format: 'float',
      dimensions: 256,
      user: 'u',
    };
    assert.deepEqual(Object.keys(request).sort(), rig.fields('CreateEmbeddingRequest'));
    await rig.assertValid(embeddings, request);
  });

  for (const [name, fields] of Object.entries(validEmbeddings)) {
    test(name, () => rig.assertValid(embeddings, { model: 'text-embedding-3-small', ...fields }));
  }
});

suite('invalid: the check can fail, and the caller sees it', () => {
  for (const [path, fields, at] of [
    [completions, { prompt: undefined }, 'body: Missing required property: prompt'],
    [completions, { echo: 'yes' }, 'body.echo'],
    [completions, { max_tokens: 1.5 }, 'body.max_tokens'],
    [completions, { logprobs: true }, 'body.logprobs'],
    [embeddings, { input: undefined }, 'body: Missing required property: input'],
    [embeddings, { input: 'a', encoding_format: 'hex' }, 'body.encoding_format'],
    [embeddings, { input: 'a', dimensions: '8' }, 'body.dimensions'],
    [embeddings, { input: 'a', stream: true }, 'body'],
  ] as const) {
    test(`${path} ${JSON.stringify(fields)}`, async () => {
      const body = { model, ...(path === completions && { prompt }), ...fields };
      const { status, isValid, violations } = await rig.judge(path, body);
      assert.deepEqual([status, isValid], [400, false]);
      assert.ok(
        violations.some((violation) => violation.startsWith(at)),
        violations.join('; '),
      );
    });
  }

  for (const [path, fields] of [
    [completions, { logprobs: 6 }],
    [completions, { best_of: 21 }],
    [completions, { stop: ['a', 'b', 'c', 'd', 'e'] }],
    [embeddings, { dimensions: 0 }],
  ] as const) {
    test(`${path} ${JSON.stringify(fields)}`, async () => {
      const { violations } = await rig.judge(path, {
        model,
        ...(path === completions ? { prompt } : { input: 'a' }),
        ...fields,
      });
      assert.ok(violations.length > 0, 'nothing was reported');
      assert.match(violations[0] ?? '', new RegExp(`^body\\.${Object.keys(fields)[0]}: .*violation`, 'u'));
    });
  }
});
