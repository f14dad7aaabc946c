// OpenAI's client with a client key of the gateway: served with a good one, and told in its own error classes what is wrong.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type APIError, AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai';
import { makeKey } from '../support/client-keys.ts';
import { startRig, type Rig } from '../support/rig.ts';
import { collect, countingFetch, echo, messages, openaiClient, rejection } from './support.ts';

suite('a client key', () => {
  let rig: Rig;
  let key: string;
  before(async () => {
    rig = await startRig();
    ({ key } = await makeKey(rig, { models: ['gpt-4*'] }));
  });
  after(() => rig.stop());

  test('whole, streamed, and the list of models', async () => {
    const client = openaiClient(rig, { apiKey: key });
    const whole = await client.chat.completions.create({ model: 'gpt-4', messages });
    assert.equal(whole.choices[0]?.message.content, echo);
    const chunks = await collect(await client.chat.completions.create({ model: 'gpt-4', messages, stream: true }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), echo);
    const models = await collect(client.models.list());
    assert.ok(models.length > 0 && models.every(({ id }) => id.startsWith('gpt-4')));
  });

  const refused = async <Thrown extends APIError>(
    apiKey: string,
    model: string,
    type: abstract new (...parameters: never[]) => Thrown,
  ): Promise<Thrown> => {
    const { fetch, sent } = countingFetch();
    const client = openaiClient(rig, { apiKey, fetch });
    const error = await rejection(client.chat.completions.create({ model, messages }), type);
    assert.equal(sent(), 1, 'it does not try again');
    return error;
  };

  test('a wrong key is an AuthenticationError, at once', async () => {
    const error = await refused('sk-not-of-this-gateway', 'gpt-4', AuthenticationError);
    assert.deepEqual([error.status, error.code, error.type], [401, 'invalid_client_key', 'invalid_request_error']);
    assert.match(error.message, /The client key is not valid: it is unknown, revoked or expired\./u);
  });

  test('a model that it may not use is a PermissionDeniedError, at once', async () => {
    const error = await refused(key, 'gpt-3.5-turbo', PermissionDeniedError);
    assert.deepEqual([error.status, error.code, error.param], [403, 'model_not_allowed', 'model']);
  });

  test('wrong keys too often are a RateLimitError, and not tried again', async () => {
    for (let n = 0; n < 80; n += 1) await fetch(`${rig.url}/v1/models`, { headers: { authorization: 'Bearer x' } });
    const error = await refused('sk-not-of-this-gateway', 'gpt-4', RateLimitError);
    assert.equal(error.code, 'rate_limit_exceeded');
  });
});
