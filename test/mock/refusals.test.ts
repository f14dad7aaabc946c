// What the fake OpenAI refuses: keys, bodies, models and paths, with the real client's error classes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { chat, client, errorOf, KEY, post, start } from './support.ts';

test('keys: missing, malformed, bad, unlisted', async (t) => {
  const script = { keys: { [KEY]: {} }, bad_keys: ['sk-proj-bad-0123456789'], only_listed_keys: true };
  const mock = await start(t, { script });
  const missing = await post(mock, chat(), { key: null });
  assert.equal(missing.status, 401);
  const error = await errorOf(missing);
  assert.equal(error['code'], null);
  assert.match(String(error['message']), /^You didn't provide an API key\./);

  const malformed = await errorOf(await post(mock, chat(), { key: 'pk-0123456789abcdef' }));
  assert.equal(malformed['code'], 'invalid_api_key');
  assert.match(String(malformed['message']), /^Incorrect API key provided: pk-01234\*{7}cdef\. You can find/);
  for (const key of ['sk-proj-bad-0123456789', 'sk-unlisted-0123456789']) {
    assert.equal((await errorOf(await post(mock, chat(), { key })))['code'], 'invalid_api_key');
  }
  assert.equal((await post(mock, chat())).status, 200);
  await assert.rejects(client(mock, 'sk-other').chat.completions.create(chat() as never), OpenAI.AuthenticationError);
});

/** Body, path, then status, param and code of the refusal. */
const BODIES: readonly (readonly [unknown, string, number, string | null, string | null])[] = [
  ['{"model":', 'chat/completions', 400, null, null],
  ['[]', 'chat/completions', 400, null, null],
  ['', 'chat/completions', 400, null, null],
  [{ messages: [] }, 'chat/completions', 400, 'model', 'missing_required_parameter'],
  [{ model: 5, messages: [] }, 'chat/completions', 400, 'model', 'invalid_type'],
  [{ model: 'gpt-4o' }, 'chat/completions', 400, 'messages', 'missing_required_parameter'],
  [{ model: 'gpt-4o', messages: [] }, 'chat/completions', 400, 'messages', 'empty_array'],
  [{ model: 'gpt-4o', messages: 'hi' }, 'chat/completions', 400, 'messages', 'invalid_type'],
  [chat({ stream: 'yes' }), 'chat/completions', 400, 'stream', 'invalid_type'],
  [chat({ stream_options: {} }), 'chat/completions', 400, 'stream_options', null],
  [chat({ max_tokens: 0 }), 'chat/completions', 400, 'max_tokens', 'integer_below_min_value'],
  [chat({ max_tokens: 1.5 }), 'chat/completions', 400, 'max_tokens', 'invalid_type'],
  [chat({ temperature: 3 }), 'chat/completions', 400, 'temperature', 'decimal_above_max_value'],
  [chat({ n: 129 }), 'chat/completions', 400, 'n', 'integer_above_max_value'],
  [chat({ service_tier: 'golden' }), 'chat/completions', 400, 'service_tier', 'invalid_value'],
  [
    chat({ max_tokens: 1, max_completion_tokens: 1 }),
    'chat/completions',
    400,
    'max_tokens',
    'invalid_parameter_combination',
  ],
  [chat({ model: 'no-such-model' }), 'chat/completions', 404, null, 'model_not_found'],
  [chat({ model: 'gpt-fault-no-such' }), 'chat/completions', 404, null, 'model_not_found'],
  [{ model: 'text-embedding-3-small' }, 'embeddings', 400, 'input', 'missing_required_parameter'],
  [{ model: 'llama' }, 'completions', 404, null, 'model_not_found'],
  [{}, 'nothing/here', 404, null, null],
];

test('bodies and paths are refused as OpenAI refuses them', async (t) => {
  const mock = await start(t);
  for (const [body, path, status, param, code] of BODIES) {
    const response = await post(mock, body, { path: `/v1/${path}` });
    const error = await errorOf(response);
    const seen = [response.status, error['param'], error['code'], error['type']];
    assert.deepEqual(seen, [status, param, code, 'invalid_request_error'], JSON.stringify(body));
    assert.ok(response.headers.get('x-request-id'));
  }
  const wrongMethod = await fetch(`${mock.url}/v1/chat/completions`, { headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(wrongMethod.status, 405);
});

test('a key may be bound to models', async (t) => {
  const mock = await start(t, { script: { keys: { [KEY]: { models: ['gpt-4o'] } } } });
  assert.equal((await post(mock, chat())).status, 200);
  const refused = await post(mock, chat({ model: 'gpt-4o-mini' }));
  assert.equal((await errorOf(refused))['code'], 'model_not_found');
});

test('nulls and unknown fields are taken', async (t) => {
  const mock = await start(t);
  const body = chat({ max_tokens: null, stream: null, stream_options: null, n: null, whatever: { a: 1 } });
  assert.equal((await post(mock, body)).status, 200);
});

test('the real client maps the faults to its error classes', async (t) => {
  const openai = client(await start(t));
  const classes: Readonly<Record<string, new (...args: never[]) => Error>> = {
    '400': OpenAI.BadRequestError,
    '401': OpenAI.AuthenticationError,
    '403-country': OpenAI.PermissionDeniedError,
    '404-model': OpenAI.NotFoundError,
    '409': OpenAI.ConflictError,
    '422': OpenAI.UnprocessableEntityError,
    '429': OpenAI.RateLimitError,
    '429-insufficient-quota': OpenAI.RateLimitError,
    '500': OpenAI.InternalServerError,
    '502': OpenAI.InternalServerError,
    '503-overloaded': OpenAI.InternalServerError,
  };
  for (const [fault, expected] of Object.entries(classes)) {
    await assert.rejects(
      openai.chat.completions.create(chat({ model: `gpt-fault-${fault}` }) as never),
      expected,
      fault,
    );
  }
});
