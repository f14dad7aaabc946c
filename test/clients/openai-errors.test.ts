// OpenAI's official client for Node: every failure becomes the error class that it should, and retries are never multiplied.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
  type APIError,
} from 'openai';
import { startRig, testKey } from '../support/rig.ts';
import { clientKey, countingFetch, messages, openaiClient, rejection } from './support.ts';

const caller = 'invalid_request_error';
const server = 'server_error';

interface Row {
  readonly model: string;
  readonly type: abstract new (...parameters: never[]) => APIError;
  readonly status: number;
  /** `code`, `type` and `param` of the error. */
  readonly fields: readonly [code: string | null, type: string, param: string | null];
}

/** The upstream's own errors, which are the caller's to see. */
const upstreamErrors: readonly Row[] = [
  {
    model: 'gpt-fault-400',
    type: BadRequestError,
    status: 400,
    fields: ['invalid_value', caller, 'messages[0].role'],
  },
  {
    model: 'gpt-fault-400-context-length',
    type: BadRequestError,
    status: 400,
    fields: ['context_length_exceeded', caller, 'messages'],
  },
  {
    model: 'gpt-fault-400-content-policy',
    type: BadRequestError,
    status: 400,
    fields: ['content_policy_violation', caller, null],
  },
  {
    model: 'gpt-fault-403-country',
    type: PermissionDeniedError,
    status: 403,
    fields: ['unsupported_country_region_territory', 'request_forbidden', null],
  },
  { model: 'gpt-fault-404-model', type: NotFoundError, status: 404, fields: ['model_not_found', caller, null] },
  { model: 'gpt-fault-409', type: ConflictError, status: 409, fields: [null, caller, null] },
  { model: 'gpt-fault-422', type: UnprocessableEntityError, status: 422, fields: [null, caller, null] },
  {
    model: 'gpt-fault-429-request-too-large',
    type: RateLimitError,
    status: 429,
    fields: ['rate_limit_exceeded', 'tokens', null],
  },
  {
    model: 'gpt-fault-429-retry-after-ms@20',
    type: RateLimitError,
    status: 429,
    fields: ['rate_limit_exceeded', 'requests', null],
  },
  { model: 'gpt-fault-should-retry-false', type: InternalServerError, status: 500, fields: [null, server, null] },
];

suite('errors of the upstream keep their class, code, param, type and request id', { concurrency: 4 }, () => {
  for (const stream of [false, true]) {
    for (const { model, type, status, fields } of upstreamErrors) {
      test(`${model}, ${stream ? 'streamed' : 'whole'}`, async () => {
        await using rig = await startRig({ keys: [testKey, `${testKey}b`, `${testKey}c`] });
        const error = await rejection(
          openaiClient(rig, { maxRetries: 0 }).chat.completions.create({ model, messages, stream }),
          type,
        );
        assert.equal(error.status, status);
        assert.deepEqual([error.code ?? null, error.type, error.param ?? null], fields);
        assert.equal(error.requestID, rig.mock.journal().entries.at(-1)?.request_id);
        assert.ok(error.headers?.get('x-aigateway-account'));
      });
    }
  }
});

suite('errors of the gateway itself look the same to the client', () => {
  test('401 when the upstream refuses every key: names the labels and no key', async () => {
    const keys = ['sk-first-bad-key-0000001', 'sk-second-bad-key-000002'];
    await using rig = await startRig({ keys, script: { fault: '401-echo-key' } });
    const { fetch, sent } = countingFetch();
    const request = openaiClient(rig, { fetch }).chat.completions.create({ model: 'gpt-4o', messages });
    const error = await rejection(request, AuthenticationError);
    assert.deepEqual([error.code, error.type, error.param], ['invalid_api_key', caller, null]);
    assert.match(error.message, /"Account 1", "Account 2"/u);
    const shown = `${error.message} ${JSON.stringify(error.error)} ${JSON.stringify([...(error.headers ?? [])])}`;
    for (const secret of [...keys, clientKey]) assert.ok(!shown.includes(secret), 'a key was shown');
    assert.match(error.requestID ?? '', /^req_/u);
    assert.equal(sent(), 1);
  });

  test('404 for a model that leads nowhere', async () => {
    await using rig = await startRig();
    const request = openaiClient(rig).chat.completions.create({ model: 'no-such-model', messages });
    const error = await rejection(request, NotFoundError);
    assert.deepEqual([error.code, error.type, error.param], ['model_not_found', caller, 'model']);
    assert.match(error.requestID ?? '', /^req_/u);
    const model = await rejection(openaiClient(rig).models.retrieve('no-such-model'), NotFoundError);
    assert.deepEqual([model.code, model.type], ['model_not_found', caller]);
    const path = await rejection(openaiClient(rig).moderations.create({ input: 'x' }), NotFoundError);
    assert.deepEqual([path.code, path.type], ['not_found', caller]);
    assert.equal(rig.mock.journal().requests, 0);
  });

  test('400 without a model', async () => {
    await using rig = await startRig();
    const body = { messages } as unknown as { model: string; messages: typeof messages };
    const error = await rejection(openaiClient(rig).chat.completions.create(body), BadRequestError);
    assert.deepEqual([error.code, error.type, error.param], ['invalid_request', caller, 'model']);
    assert.match(error.requestID ?? '', /^req_/u);
  });

  test('429 when no account has credit: the client does not try again', async () => {
    await using rig = await startRig({ script: { fault: '429-insufficient-quota' } });
    const { fetch, sent } = countingFetch();
    for (const sentInAll of [1, 2]) {
      const request = openaiClient(rig, { fetch }).chat.completions.create({ model: 'gpt-4o', messages });
      const error = await rejection(request, RateLimitError);
      assert.deepEqual([error.code, error.type], ['insufficient_quota', 'insufficient_quota']);
      assert.equal(sent(), sentInAll);
    }
    assert.equal(rig.mock.journal().requests, 1);
  });

  test('503 without any account: the client does not try again', async () => {
    await using rig = await startRig({ keys: [] });
    const { fetch, sent } = countingFetch();
    const request = openaiClient(rig, { fetch }).chat.completions.create({ model: 'gpt-4o', messages });
    const error = await rejection(request, InternalServerError);
    assert.deepEqual([error.status, error.code, error.type], [503, 'no_account', server]);
    assert.equal(sent(), 1);
  });

  for (const [fault, status, code] of [
    ['502', 502, 'upstream_invalid_response'],
    ['html', 502, 'upstream_invalid_response'],
    ['not-http', 502, 'upstream_invalid_response'],
    ['close-before-headers', 502, 'upstream_unavailable'],
    ['silence-before-headers', 504, 'upstream_timeout'],
  ] as const) {
    test(`${status} for ${fault}`, async () => {
      await using rig = await startRig({ settings: { MAX_ATTEMPTS: '1', FIRST_BYTE_TIMEOUT_MS: '200' } });
      const request = openaiClient(rig, { maxRetries: 0 }).chat.completions.create({
        model: `gpt-fault-${fault}`,
        messages,
      });
      const error = await rejection(request, InternalServerError);
      assert.deepEqual([error.status, error.code, error.type], [status, code, server]);
      assert.match(error.requestID ?? '', /^req_/u);
    });
  }
});

suite('the attempts of the gateway are not multiplied by those of the client', { concurrency: 4 }, () => {
  const manyKeys = [1, 2, 3, 4, 5].map((n) => `${testKey}-${n}`);

  for (const stream of [false, true]) {
    for (const fault of ['500', '502', 'close-before-headers', 'reset-before-headers', 'should-retry-true-400']) {
      test(`${fault} from every account, ${stream ? 'streamed' : 'whole'}`, async () => {
        await using rig = await startRig({ keys: manyKeys });
        const { fetch, sent } = countingFetch();
        const openai = openaiClient(rig, { fetch });
        assert.equal(openai.maxRetries, 2);
        const request = openai.chat.completions.create({ model: `gpt-fault-${fault}`, messages, stream });
        const error = await rejection(request, fault.endsWith('400') ? BadRequestError : InternalServerError);
        assert.equal(error.headers?.get('x-should-retry'), 'false');
        assert.equal(error.headers?.get('x-aigateway-attempts'), '3');
        assert.equal(sent(), 1, 'what the client sent');
        assert.equal(rig.mock.journal().requests, 3, 'what the upstream got');
      });
    }
  }

  test('nobody listens at the upstream', async () => {
    await using rig = await startRig({ keys: manyKeys });
    await rig.mock.close();
    const { fetch, sent } = countingFetch();
    const request = openaiClient(rig, { fetch }).chat.completions.create({ model: 'gpt-4o', messages });
    const error = await rejection(request, InternalServerError);
    assert.deepEqual([error.status, error.code], [502, 'upstream_unavailable']);
    assert.equal(error.headers?.get('x-aigateway-attempts'), '3');
    assert.equal(sent(), 1);
  });

  test("the upstream's own word against a retry reaches the client", async () => {
    await using rig = await startRig({ keys: manyKeys });
    const { fetch, sent } = countingFetch();
    const request = openaiClient(rig, { fetch }).chat.completions.create({
      model: 'gpt-fault-should-retry-false',
      messages,
    });
    await rejection(request, InternalServerError);
    assert.deepEqual([sent(), rig.mock.journal().requests], [1, 1]);
  });

  test('where the gateway may not retry, the client still does', async () => {
    await using rig = await startRig({
      script: { fault: { fault: '500', first: 1 } },
      settings: { MAX_ATTEMPTS: '1' },
    });
    const { fetch, sent } = countingFetch();
    const { choices } = await openaiClient(rig, { fetch }).chat.completions.create({ model: 'gpt-4o', messages });
    assert.equal(choices.length, 1);
    assert.equal(sent(), 2);
    const counts = rig.mock.journal().entries.map(({ headers }) => headers['x-stainless-retry-count']);
    assert.deepEqual(counts, ['0', '1']);
  });
});
