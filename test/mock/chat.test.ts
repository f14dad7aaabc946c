// Chat answers of the fake OpenAI, whole and streamed, as the real client reads them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chat, client, events, KEY, post, start } from './support.ts';

const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string' },
        days: { type: 'integer', minimum: 3 },
        unit: { enum: ['celsius', 'fahrenheit'] },
        places: { type: 'array', items: { $ref: '#/$defs/place' } },
      },
      required: ['city'],
      $defs: { place: { type: 'object', properties: { at: { type: 'string', format: 'date' } } } },
    },
  },
} as const;
const WEATHER_ARGUMENTS = { city: 'text', days: 3, unit: 'celsius', places: [{ at: '2026-01-02' }] };
const messages = [{ role: 'user' as const, content: 'hello big world' }];

test('a whole answer echoes the last user message and has every field', async (t) => {
  const openai = client(await start(t));
  const { data, response } = await openai.chat.completions
    .create({ model: 'gpt-4o', messages: [{ role: 'system', content: 'be kind' }, ...messages] })
    .withResponse();
  assert.match(data.id, /^chatcmpl-[0-9a-z]{29}$/);
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.model, 'gpt-4o-2024-08-06');
  assert.equal(data.service_tier, 'default');
  assert.match(data.system_fingerprint ?? '', /^fp_/);
  assert.deepEqual(data.choices, [
    {
      index: 0,
      message: { role: 'assistant', content: 'Echo: hello big world', refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ]);
  assert.deepEqual(data.usage, {
    prompt_tokens: 16,
    completion_tokens: 5,
    total_tokens: 21,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  });
  assert.match(response.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{32}$/);
});

test('the headers are those of OpenAI and its CDN', async (t) => {
  const response = await post(await start(t), chat());
  const headers = response.headers;
  assert.equal(headers.get('openai-version'), '2020-10-01');
  assert.match(headers.get('openai-processing-ms') ?? '', /^\d+$/);
  assert.match(headers.get('openai-organization') ?? '', /^org-/);
  assert.match(headers.get('openai-project') ?? '', /^proj_/);
  assert.equal(headers.get('server'), 'cloudflare');
  assert.equal(headers.get('cf-cache-status'), 'DYNAMIC');
  assert.match(headers.get('cf-ray') ?? '', /^[0-9a-f]{16}-[A-Z]{3}$/);
  assert.match(headers.get('alt-svc') ?? '', /^h3=/);
  assert.match(headers.get('strict-transport-security') ?? '', /^max-age/);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('access-control-expose-headers'), 'X-Request-ID');
  assert.deepEqual(
    headers.getSetCookie().map((cookie) => cookie.split('=')[0]),
    ['__cf_bm', '_cfuvid'],
  );
  assert.equal(headers.get('x-ratelimit-limit-requests'), '10000');
  assert.equal(headers.get('x-ratelimit-remaining-requests'), '9999');
  assert.equal(headers.get('x-ratelimit-reset-requests'), '6ms');
  assert.equal(headers.get('x-ratelimit-limit-tokens'), '30000000');
  assert.equal(headers.get('keep-alive'), 'timeout=5');
});

test('a stream has the exact chunks, and the usage chunk only if asked for', async (t) => {
  const mock = await start(t);
  const response = await post(mock, chat({ messages, stream: true }));
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const list = events(await response.text()) as { choices: { delta: unknown; finish_reason: unknown }[] }[];
  assert.equal(list.at(-1), '[DONE]');
  const chunks = list.slice(0, -1);
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices[0]?.delta),
    [
      { role: 'assistant', content: '', refusal: null },
      { content: 'Echo:' },
      { content: ' hello' },
      { content: ' big' },
      { content: ' world' },
      {},
    ],
  );
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices[0]?.finish_reason),
    [null, null, null, null, null, 'stop'],
  );
  for (const chunk of chunks) assert.ok(!('usage' in chunk) && 'obfuscation' in chunk && 'service_tier' in chunk);

  const stream_options = { include_usage: true, include_obfuscation: false };
  const withUsage = events(await (await post(mock, chat({ messages, stream: true, stream_options }))).text());
  const shown = withUsage.slice(0, -1) as { choices: unknown[]; usage: { total_tokens: number } | null }[];
  assert.deepEqual(shown.at(-1)?.choices, []);
  assert.equal(shown.at(-1)?.usage?.total_tokens, 15);
  for (const chunk of shown.slice(0, -1)) assert.ok(chunk.usage === null && !('obfuscation' in chunk));
});

test('the real client reads streams and their helper accepts them', async (t) => {
  const openai = client(await start(t));
  const stream = openai.chat.completions.stream({
    model: 'gpt-4o',
    messages,
    n: 2,
    stream_options: { include_usage: true },
  });
  const final = await stream.finalChatCompletion();
  assert.deepEqual(
    final.choices.map((choice) => choice.message.content),
    ['Echo: hello big world', 'Echo: hello big world'],
  );
  assert.equal(final.usage?.completion_tokens, 10);
});

test('max_tokens cuts, stop stops, n repeats', async (t) => {
  const openai = client(await start(t));
  const cut = await openai.chat.completions.create({ model: 'o3', messages, max_completion_tokens: 3 });
  assert.equal(cut.choices[0]?.message.content, 'Echo: hello');
  assert.equal(cut.choices[0]?.finish_reason, 'length');
  assert.equal(cut.usage?.completion_tokens, 3);
  const stopped = await openai.chat.completions.create({ model: 'gpt-4o', messages, stop: ['zzz', ' big'] });
  assert.equal(stopped.choices[0]?.message.content, 'Echo: hello');
  assert.equal(stopped.choices[0]?.finish_reason, 'stop');
  const several = await openai.chat.completions.create({ model: 'gpt-4o', messages, n: 3 });
  assert.deepEqual(
    several.choices.map((choice) => choice.index),
    [0, 1, 2],
  );
});

test('tools are called with arguments that fit their schema, whole and streamed', async (t) => {
  const openai = client(await start(t));
  const ask = { model: 'gpt-4o', messages, tools: [WEATHER] } as never;
  const whole = await openai.chat.completions.create(ask);
  const call = whole.choices[0]?.message.tool_calls?.[0];
  assert.ok(call?.type === 'function');
  assert.deepEqual(JSON.parse(call.function.arguments), WEATHER_ARGUMENTS);
  assert.equal(whole.choices[0]?.finish_reason, 'tool_calls');
  assert.equal(whole.choices[0]?.message.content, null);

  const streamed = await openai.chat.completions.stream(ask).finalChatCompletion();
  const streamedCall = streamed.choices[0]?.message.tool_calls?.[0];
  assert.ok(streamedCall?.type === 'function');
  assert.equal(streamedCall.function.arguments, call.function.arguments);
  assert.equal(streamed.choices[0]?.finish_reason, 'tool_calls');
});

test('the first tool delta names the function, the next ones bring its arguments', async (t) => {
  const mock = await start(t);
  const response = await post(mock, chat({ tools: [WEATHER], tool_choice: 'required', stream: true }));
  const list = events(await response.text()) as { choices: { delta: { tool_calls?: unknown[] } }[] }[];
  const [first, second] = list.flatMap((chunk) => (chunk as { choices?: never[] }).choices ?? []).slice(1) as {
    delta: { tool_calls: Record<string, unknown>[] };
  }[];
  const { id, ...opening } = first?.delta.tool_calls[0] ?? {};
  assert.match(String(id), /^call_/);
  assert.deepEqual(opening, { index: 0, type: 'function', function: { name: 'get_weather', arguments: '' } });
  assert.deepEqual(second?.delta.tool_calls, [{ index: 0, function: { arguments: '{"' } }]);
});

test('tools are not called after a result, with tool_choice none, or otherwise than named', async (t) => {
  const openai = client(await start(t));
  const other = { type: 'function', function: { name: 'other' } } as const;
  const base = { model: 'gpt-4o', messages, tools: [WEATHER, other] };
  const none = await openai.chat.completions.create({ ...base, tool_choice: 'none' } as never);
  assert.equal(none.choices[0]?.message.content, 'Echo: hello big world');
  const result = { role: 'tool', content: 'sunny', tool_call_id: 'call_1' };
  const after = await openai.chat.completions.create({ ...base, messages: [...messages, result] } as never);
  assert.equal(after.choices[0]?.finish_reason, 'stop');
  const named = await openai.chat.completions.create({
    ...base,
    tool_choice: { type: 'function', function: { name: 'other' } },
  } as never);
  const call = named.choices[0]?.message.tool_calls?.[0];
  assert.ok(call?.type === 'function' && call.function.name === 'other' && call.function.arguments === '{}');
  const every = await openai.chat.completions
    .stream({ ...base, messages: [{ role: 'user', content: 'use every tool' }] } as never)
    .finalChatCompletion();
  assert.equal(every.choices[0]?.message.tool_calls?.length, 2);
});

test('response_format, refusal, logprobs', async (t) => {
  const openai = client(await start(t));
  const json = await openai.chat.completions.create({
    model: 'gpt-4o',
    messages,
    response_format: { type: 'json_object' },
  });
  assert.deepEqual(JSON.parse(json.choices[0]?.message.content ?? ''), { echo: 'hello big world' });
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } } };
  const typed = await openai.chat.completions.create({
    model: 'gpt-4o',
    messages,
    response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
  });
  assert.deepEqual(JSON.parse(typed.choices[0]?.message.content ?? ''), { ok: true });
  const refused = await openai.chat.completions
    .stream({ model: 'gpt-4o', messages: [{ role: 'user', content: '[refuse]' }] })
    .finalChatCompletion();
  assert.equal(refused.choices[0]?.message.refusal, 'Echo: [refuse]');
  const probable = await openai.chat.completions
    .stream({ model: 'gpt-4o', messages, logprobs: true, top_logprobs: 2 })
    .finalChatCompletion();
  const tokens = probable.choices[0]?.logprobs?.content;
  assert.deepEqual(
    tokens?.map((one) => one.token),
    ['Echo:', ' hello', ' big', ' world'],
  );
  assert.deepEqual(tokens?.[0]?.bytes, [...Buffer.from('Echo:')]);
  assert.equal(tokens?.[0]?.top_logprobs.length, 2);
});

test('the service tier comes back as the one used', async (t) => {
  const mock = await start(t);
  const expected = { auto: 'default', default: 'default', fast: 'priority', priority: 'priority', flex: 'flex' };
  for (const [asked, answered] of Object.entries(expected)) {
    const body = (await (await post(mock, chat({ service_tier: asked }))).json()) as { service_tier: string };
    assert.equal(body.service_tier, answered);
  }
});

test('model names and scripts steer the length', async (t) => {
  const script = { chunk_text: 'ab', models: { 'gpt-4o-mini': { chunks: 3, tokens: 100 } } };
  const mock = await start(t, { script });
  const openai = client(mock, KEY);
  const complete = (model: string, more: object = {}) =>
    openai.chat.completions.stream({ model, messages, stream_options: { include_usage: true }, ...more });
  const stream = await complete('gpt-mock-stream-5').finalChatCompletion();
  assert.equal(stream.choices[0]?.message.content, 'ababababab');
  assert.equal(stream.usage?.completion_tokens, 5);
  const tokens = await complete('gpt-mock-tokens-1003').finalChatCompletion();
  assert.equal(tokens.choices[0]?.message.content?.length, 16);
  assert.equal(tokens.usage?.completion_tokens, 1003);
  const bounded = await complete('gpt-mock-tokens-1003', { max_tokens: 10 }).finalChatCompletion();
  assert.equal(bounded.usage?.completion_tokens, 10);
  assert.equal(bounded.choices[0]?.finish_reason, 'length');
  const scripted = await complete('gpt-4o-mini').finalChatCompletion();
  assert.equal(scripted.choices[0]?.message.content, 'ababab');
  assert.equal(scripted.usage?.completion_tokens, 100);
  mock.setScript({ usage: { prompt_tokens: 50, prompt_tokens_details: { cached_tokens: 40 } } });
  const changed = await openai.chat.completions.create({ model: 'gpt-4o', messages });
  assert.equal(changed.usage?.total_tokens, 55);
  assert.deepEqual(changed.usage?.prompt_tokens_details, { cached_tokens: 40, audio_tokens: 0 });
});

test('a script paces answers', async (t) => {
  const script = { chunks: 4, delay_ms: 20, first_token_delay_ms: 40, chunk_delay_ms: 20 };
  const mock = await start(t, { script });
  const before = performance.now();
  await (await post(mock, chat({ stream: true }))).text();
  const elapsed = performance.now() - before;
  assert.ok(elapsed >= 115, `${elapsed} ms`);
});
