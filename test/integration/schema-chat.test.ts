// Chat requests at the limits of OpenAI's own schema: what the gateway sends upstream is as valid as what the client sent.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { startSchemaRig } from '../support/steady.ts';

const rig = await startSchemaRig();
after(() => rig.stop());
const path = '/v1/chat/completions';

const model = 'gpt-4o';
const messages = [{ role: 'user', content: 'Hello.' }];
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const weather = {
  type: 'function',
  function: { name: 'get_weather', description: 'The weather.', parameters, strict: true },
};
const grammar = { definition: 'start: "a"', syntax: 'lark' };
const custom = { type: 'custom', custom: { name: 'speak', format: { type: 'grammar', grammar } } };
const jsonSchema = { type: 'json_schema', json_schema: { name: 'city', schema: parameters, strict: true } };
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** Every field that the schema has, with a value that it allows. */
const everything = {
  audio: { voice: 'alloy', format: 'wav' },
  frequency_penalty: 0.5,
  function_call: { name: 'old' },
  functions: [{ name: 'old', description: 'An old function.', parameters }],
  logit_bias: { '50256': -100, '1734': 100 },
  logprobs: true,
  max_completion_tokens: 100,
  max_tokens: 100,
  messages,
  metadata: { ticket: '1' },
  modalities: ['text', 'audio'],
  model,
  moderation: { model: 'omni-moderation-latest' },
  n: 2,
  parallel_tool_calls: false,
  prediction: { type: 'content', content: 'Hello there.' },
  presence_penalty: -0.5,
  prompt_cache_key: 'key',
  prompt_cache_options: {},
  prompt_cache_retention: '24h',
  reasoning_effort: 'low',
  response_format: jsonSchema,
  safety_identifier: 's'.repeat(64),
  seed: 7,
  service_tier: 'auto',
  stop: ['a', 'b'],
  store: false,
  stream: false,
  stream_options: null,
  temperature: 1.5,
  tool_choice: 'auto',
  tools: [weather, custom],
  top_logprobs: 3,
  top_p: 0.9,
  user: 'user-1',
  verbosity: 'low',
  web_search_options: {
    user_location: { type: 'approximate', approximate: { country: 'CH', city: 'Bern', timezone: 'Europe/Zurich' } },
    search_context_size: 'low',
  },
};

/** A conversation in which every role and every kind of part speaks. */
const conversation = [
  { role: 'developer', content: 'Be kind.', name: 'dev' },
  { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
  {
    role: 'user',
    name: 'ann',
    content: [
      { type: 'text', text: 'Look, and listen, and read.' },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'high' } },
      { type: 'image_url', image_url: { url: pixel } },
      { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
      { type: 'file', file: { file_id: 'file-1' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Bern"}' } },
      { id: 'call_2', type: 'custom', custom: { name: 'speak', input: 'a' } },
    ],
  },
  { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
  { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'a' }] },
  { role: 'assistant', content: [{ type: 'text', text: 'Sunny.' }], refusal: null },
  { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
  { role: 'assistant', audio: { id: 'audio_1' } },
  { role: 'assistant', content: null, function_call: { name: 'old', arguments: '{}' } },
  { role: 'function', name: 'old', content: 'done' },
  { role: 'user', content: 'Grüße, 你好, 👩‍👩‍👧 and \u0000 \u2028 "quotes" \\ too.' },
];

/** Name → what stands beside `model` and `messages`. */
const valid: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'nothing else': {},
  'all the least values': {
    frequency_penalty: -2,
    presence_penalty: -2,
    temperature: 0,
    top_p: 0,
    n: 1,
    logprobs: true,
    top_logprobs: 0,
    max_completion_tokens: 1,
    seed: Number.MIN_SAFE_INTEGER,
  },
  'all the greatest values': {
    frequency_penalty: 2,
    presence_penalty: 2,
    temperature: 2,
    top_p: 1,
    n: 128,
    logprobs: true,
    top_logprobs: 20,
    max_completion_tokens: 1_000_000,
    seed: Number.MAX_SAFE_INTEGER,
  },
  'null where null is allowed': {
    metadata: null,
    modalities: null,
    moderation: null,
    prompt_cache_key: null,
    prompt_cache_retention: null,
    reasoning_effort: null,
    safety_identifier: null,
    service_tier: null,
    stream_options: null,
    temperature: null,
    top_p: null,
    verbosity: null,
  },
  'null in the older spelling': {
    audio: null,
    frequency_penalty: null,
    logit_bias: null,
    logprobs: null,
    max_completion_tokens: null,
    max_tokens: null,
    n: null,
    presence_penalty: null,
    seed: null,
    stop: null,
    store: null,
    stream: null,
  },
  'every role and every kind of part': { messages: conversation },
  'two thousand messages': { messages: Array.from({ length: 2000 }, () => messages[0]) },
  'a stop text': { stop: '\n' },
  'an array of one stop text': { stop: ['\n'] },
  'an array of four stop texts': { stop: ['a', 'b', 'c', 'd'] },
  'a bias for 300 tokens': {
    logit_bias: Object.fromEntries(Array.from({ length: 300 }, (_, token) => [String(token), token % 2 ? -100 : 100])),
  },
  'sixteen pairs of metadata': {
    metadata: Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`${'k'.repeat(60)}${n}`, 'v'.repeat(512)])),
  },
  'a function tool': { tools: [weather] },
  'a custom tool with a grammar': { tools: [custom] },
  'a custom tool for plain text': { tools: [{ type: 'custom', custom: { name: 'say', format: { type: 'text' } } }] },
  '128 tools': {
    tools: Array.from({ length: 128 }, (_, n) => ({ type: 'function', function: { name: `tool_${n}` } })),
  },
  'tool_choice none': { tools: [weather], tool_choice: 'none' },
  'tool_choice required': { tools: [weather], tool_choice: 'required' },
  'tool_choice that names a function': {
    tools: [weather],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
  },
  'tool_choice that names a custom tool': {
    tools: [custom],
    tool_choice: { type: 'custom', custom: { name: 'speak' } },
  },
  'tool_choice of allowed tools': {
    tools: [weather],
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'get_weather' } }] },
    },
  },
  'no parallel tool calls': { tools: [weather], parallel_tool_calls: false },
  '128 old functions': { functions: Array.from({ length: 128 }, (_, n) => ({ name: `old_${n}` })) },
  'function_call auto': { functions: [{ name: 'old' }], function_call: 'auto' },
  'function_call that names one': { functions: [{ name: 'old' }], function_call: { name: 'old' } },
  'response_format text': { response_format: { type: 'text' } },
  'response_format json_object': { response_format: { type: 'json_object' } },
  'response_format json_schema': { response_format: jsonSchema },
  'response_format json_schema without a schema': {
    response_format: { type: 'json_schema', json_schema: { name: 'any', strict: null } },
  },
  'spoken answers': { modalities: ['text', 'audio'], audio: { voice: 'verse', format: 'pcm16' } },
  'spoken answers in a voice of one’s own': {
    modalities: ['audio'],
    audio: { voice: { id: 'voice_1' }, format: 'mp3' },
  },
  'a prediction in parts': { prediction: { type: 'content', content: [{ type: 'text', text: 'Hello.' }] } },
  'a web search anywhere': { web_search_options: {} },
  'fields that nobody knows yet': { x_future: { deep: [1, 2.5e-7, null] }, 'x-other': 'y' },
  'a stream': { stream: true },
  'a stream, options empty': { stream: true, stream_options: {} },
  'a stream, options null': { stream: true, stream_options: null },
  'a stream with usage': { stream: true, stream_options: { include_usage: true } },
  'a stream without usage': { stream: true, stream_options: { include_usage: false } },
  'a stream without padding': { stream: true, stream_options: { include_obfuscation: false } },
  'a stream with every field': { ...everything, stream: true },
};

/** Name → the bad field and where the schema sees it. The upstream refuses these. */
const misshapen: Readonly<Record<string, readonly [fields: Readonly<Record<string, unknown>>, path: string]>> = {
  'no messages': [{ messages: undefined }, 'body: Missing required property: messages'],
  'messages that are a text': [{ messages: 'Hello.' }, 'body.messages'],
  'half a choice': [{ n: 1.5 }, 'body.n'],
  'a tool without a function': [{ tools: [{ type: 'function' }] }, 'body.tools'],
  'an unknown tier': [{ service_tier: 'express' }, 'body.service_tier'],
  'a bias that is no number': [{ logit_bias: { '1': 'much' } }, 'body.logit_bias'],
  'stream options that are none': [{ stream: true, stream_options: 'usage' }, 'body.stream_options'],
};

/** Name → the field whose value is past the schema's limit. The checking server answers these, and reports them. */
const excessive: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'an empty list of messages': { messages: [] },
  'too warm': { temperature: 2.1 },
  'too unlikely': { frequency_penalty: -2.01 },
  'no choice': { n: 0 },
  '129 choices': { n: 129 },
  '21 log probabilities': { top_logprobs: 21 },
  'five stop texts': { stop: ['a', 'b', 'c', 'd', 'e'] },
  'no stop text': { stop: [] },
  'an identifier of 65 characters': { safety_identifier: 's'.repeat(65) },
  '129 old functions': { functions: Array.from({ length: 129 }, () => ({ name: 'old' })) },
};

suite('valid', () => {
  test('the request with every field has every field of the schema', async () => {
    const fields = rig.fields('CreateChatCompletionRequest');
    assert.equal(fields.length, 37);
    assert.deepEqual(Object.keys(everything).sort(), fields);
    await assertValid(everything);
  });

  for (const [name, fields] of Object.entries(valid)) test(name, () => assertValid({ model, messages, ...fields }));

  for (const service_tier of ['auto', 'default', 'flex', 'scale', 'priority', 'fast']) {
    test(`service_tier ${service_tier}`, () => assertValid({ model, messages, service_tier }));
  }

  for (const reasoning_effort of ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']) {
    test(`reasoning_effort ${reasoning_effort}`, () => assertValid({ model: 'gpt-5', messages, reasoning_effort }));
  }

  test('the outermost seeds, as numbers that no double holds', async () => {
    for (const seed of ['9223372036854775807', '-9223372036854775808']) {
      await assertValid(`{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"seed":${seed}}`);
    }
  });

  test('names of models in every form', async () => {
    for (const name of ['gpt-4o-2024-08-06', 'o3', 'ft:gpt-4o:acme::abc', 'Grüße/模型']) {
      await assertValid({ model: name, messages });
    }
  });

  test('an answer that is an event stream says the same', async () => {
    const { headers, isValid } = await rig.judge(
      path,
      { model, messages, stream: true },
      { accept: 'text/event-stream' },
    );
    assert.equal(headers.get('content-type'), 'text/event-stream');
    assert.ok(isValid);
  });
});

suite('invalid: the check can fail, and the caller sees it', () => {
  for (const [name, [fields, at]] of Object.entries(misshapen)) {
    test(name, async () => {
      const { status, isValid, violations, headers, text } = await rig.judge(path, { model, messages, ...fields });
      assert.deepEqual([status, isValid], [400, false]);
      assert.ok(
        violations.some((violation) => violation.startsWith(at)),
        violations.join('; '),
      );
      assert.match(text, /^\{"error":"Validation failed"/u, 'the upstream’s own words');
      assert.equal(headers.get('x-aigateway-attempts'), '1');
    });
  }

  for (const [name, fields] of Object.entries(excessive)) {
    test(name, async () => {
      const { violations } = await rig.judge(path, { model, messages, ...fields });
      assert.ok(violations.length > 0, 'nothing was reported');
      assert.match(violations[0] ?? '', new RegExp(`^body\\.${Object.keys(fields)[0]}: .*violation`, 'u'));
    });
  }
});

function assertValid(body: unknown): Promise<void> {
  return rig.assertValid(path, body);
}
