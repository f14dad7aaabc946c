// Lays recorded errors at the doors they belong to, and anything at all without falling over.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { recordedAnswers } from '../../../test/fixtures/openai-errors/all.ts';
import { failureKinds, type Failure } from '../../core/failure.ts';
import type { FailureRule } from '../../core/failure-rule.ts';
import type { FailedAnswer } from '../../core/provider.ts';
import { classify } from './classify.ts';

const nowMs = Date.parse('Thu, 05 Nov 2026 12:00:00 GMT');

function answerOf(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): FailedAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, header: (name) => headers[name], body: Buffer.from(text), nowMs };
}

function openaiError(message: string, code: string | null = null, type = 'invalid_request_error'): unknown {
  return { error: { message, type, param: null, code } };
}

for (const [file, answers] of Object.entries(recordedAnswers)) {
  suite(`recorded: ${file}`, () => {
    for (const { name, status, headers, body, expected } of answers) {
      test(`${status}, ${name}`, () => {
        const { kind, source, scope, advice, benchMs, retryAfterMs } = classify(answerOf(status, body, headers));
        assert.deepEqual(
          { kind, source, scope, advice, ...(benchMs && { benchMs }), ...(retryAfterMs && { retryAfterMs }) },
          expected,
        );
      });
    }
  });
}

test('there are enough recorded answers, each with a name of its own and a source', () => {
  const answers = Object.values(recordedAnswers).flat();
  assert.ok(answers.length >= 100, String(answers.length));
  const names = Object.entries(recordedAnswers).flatMap(([file, list]) =>
    list.map(({ name, status }) => `${file} ${status} ${name}`),
  );
  assert.equal(new Set(names).size, names.length);
  for (const { source } of answers) assert.match(source, /^(?:seen|page|rebuilt|openai-wire\.md)\b/u);
});

test('every kind that an answer can have is recorded', () => {
  const seen = new Set(Object.values(recordedAnswers).flatMap((list) => list.map(({ expected }) => expected.kind)));
  const ofTheConnection = ['connection_failed', 'connect_timeout', 'first_byte_timeout', 'idle_timeout'];
  const missing = Object.entries(failureKinds)
    .filter(([kind, { source }]) => source !== 'client' && !ofTheConnection.includes(kind) && !seen.has(kind))
    .map(([kind]) => kind);
  assert.deepEqual(missing, []);
});

suite('the failure’s facts', () => {
  test('status, code and message are kept', () => {
    const { status, code, message } = classify(answerOf(400, openaiError('No\n  such field', 'unknown_parameter')));
    assert.deepEqual([status, code, message], [400, 'unknown_parameter', 'answered 400: No such field']);
  });

  test('inside a success the status stays the answer’s', () => {
    const { status, code, message } = classify(answerOf(200, { error: { code: 429, message: 'later' } }));
    assert.deepEqual([status, code, message], [200, '429', 'the upstream reported an error under 200: later']);
  });

  test('without an error object the message says so, and there is no code', () => {
    const page = classify(answerOf(502, '<html>secret page</html>'));
    assert.deepEqual([page.code, page.message], [undefined, 'answered 502 with a body that is not an error object']);
    assert.equal(classify(answerOf(500, '')).message, 'answered 500 with an empty body');
    assert.equal(classify(answerOf(500, { error: {} })).message, 'answered 500');
  });

  test('a byte order mark is no reason to misread', () => {
    const body = `\uFEFF${JSON.stringify(openaiError('x', 'context_length_exceeded'))}`;
    assert.equal(classify(answerOf(400, body)).kind, 'context_length_exceeded');
  });

  test('keys are taken out of message and code, also of a very long one', () => {
    for (const key of ['sk-proj-abcdefghijklmnop', 'sk-abcd****wxyz', `sk-${'a'.repeat(300)}`]) {
      const { message, code } = classify(answerOf(401, openaiError(`Incorrect API key provided: ${key}.`, key)));
      assert.equal(message, 'answered 401: Incorrect API key provided: [secret].');
      assert.equal(code, '[secret]');
    }
    const long = classify(answerOf(400, openaiError('x'.repeat(100_000))));
    assert.ok(long.message.length < 600);
  });
});

suite('x-should-retry', () => {
  const advised = (word: string, status: number, code: string | null): string =>
    classify(answerOf(status, openaiError('x', code), { 'x-should-retry': word })).advice;

  for (const [word, status, code, advice] of [
    ['true', 400, null, 'back_off'],
    ['true', 500, null, 'back_off'],
    ['true', 429, 'rate_limit_exceeded', 'next_account'],
    ['false', 500, null, 'pass_through'],
    ['false', 503, 'server_is_overloaded', 'pass_through'],
    ['false', 400, null, 'pass_through'],
    ['false', 429, 'rate_limit_exceeded', 'next_account'],
    ['false', 401, 'invalid_api_key', 'next_account'],
    ['perhaps', 500, null, 'back_off'],
  ] as const) {
    test(`${word} on ${status} ${code ?? ''}`, () => assert.equal(advised(word, status, code), advice));
  }
});

test('nothing that a client can have quoted benches an account', () => {
  const words = [
    'You exceeded your current quota, please check your plan',
    'Your credit balance is too low',
    'Incorrect API key provided',
    'API key not valid',
    'The model `x` does not exist',
    'insufficient_quota',
    'invalid_api_key',
    'Rate limit reached for gpt-4o',
    'Slow down',
  ];
  for (const word of words) {
    for (const status of [400, 404, 409, 415, 422]) {
      const { kind, scope } = classify(answerOf(status, openaiError(`Invalid value: '${word}'.`, 'invalid_value')));
      assert.deepEqual([kind, scope], ['caller_error', 'none'], `${status} ${word}`);
    }
    const refused = classify(answerOf(403, openaiError(`Your request was blocked: '${word}, my API key'.`)));
    assert.equal(refused.kind, 'policy_refused', word);
  }
});

suite('rules of the operator', () => {
  const body = openaiError('The Cluster is warming up, try again in 5s', 'cold_start', 'capacity');
  const judged = (rules: readonly FailureRule[], status = 400, headers = {}): Failure =>
    classify(answerOf(status, body, headers), rules);

  test('every condition alone, and all together', () => {
    for (const condition of [
      { status: 400 },
      { code: 'cold_start' },
      { type: 'capacity' },
      { message: 'cluster is WARMING' },
      { status: 400, code: 'cold_start', type: 'capacity', message: 'warming' },
    ]) {
      const { kind, advice, message, code } = judged([{ ...condition, kind: 'upstream_overloaded' }]);
      assert.deepEqual([kind, advice, code], ['upstream_overloaded', 'back_off', 'cold_start']);
      assert.equal(message, 'answered 400: The Cluster is warming up, try again in 5s');
    }
  });

  test('one condition that does not fit leaves the vendor’s rules in force', () => {
    for (const condition of [
      { status: 401 },
      { code: 'cold' },
      { type: 'capacity_' },
      { message: 'cooling' },
      { message: 'warming', status: 500 },
      {},
    ]) {
      assert.equal(judged([{ ...condition, kind: 'upstream_overloaded' }]).kind, 'caller_error');
    }
  });

  test('the first that fits wins, before the vendor’s rules and x-should-retry', () => {
    const rules: readonly FailureRule[] = [
      { status: 500, kind: 'caller_error' },
      { code: 'cold_start', kind: 'rate_limited' },
      { status: 400, kind: 'upstream_error' },
    ];
    const { kind, scope, advice, retryAfterMs } = judged(rules, 400, { 'x-should-retry': 'false' });
    assert.deepEqual([kind, scope, advice, retryAfterMs], ['rate_limited', 'quota_group_model', 'next_account', 5000]);
    const quota = answerOf(429, openaiError('x', 'project_spend_limit_exceeded', 'insufficient_quota'));
    assert.equal(classify(quota, [{ status: 429, kind: 'upstream_error' }]).scope, 'none', 'and its own scope');
  });

  test('the text of a body that is no error object counts as its message', () => {
    const page = answerOf(403, '<title>Attention Required!</title>');
    assert.equal(classify(page, [{ message: 'attention required', kind: 'policy_refused' }]).kind, 'policy_refused');
  });

  test('inside a success: the status is the one that the code names', () => {
    const inside = answerOf(200, { error: { code: 429, message: 'later' } });
    assert.equal(classify(inside, [{ status: 429, kind: 'upstream_error' }]).kind, 'upstream_error');
    assert.equal(classify(inside, [{ status: 200, kind: 'upstream_error' }]).kind, 'rate_limited');
  });
});

suite('whatever comes', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom('Rate limit reached for ', 'retry in ', 'sk-proj-0123456789', 'You exceeded your current quota'),
    fc.stringMatching(/^sk-[A-Za-z0-9_-]{4,60}$/u),
  );
  const anyMessage = fc.array(anyText, { maxLength: 8 }).map((parts) => parts.join(' '));
  const anyField = fc.oneof(anyMessage, fc.jsonValue());
  const anyError = fc.record(
    { message: anyField, type: anyField, code: anyField, param: anyField },
    { requiredKeys: [] },
  );
  const anyBody = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.json().map((text) => Buffer.from(text)),
    anyError.map((error) => Buffer.from(JSON.stringify({ error }))),
    anyError.map((error) => Buffer.from(JSON.stringify(error))),
    anyError.map((error) => Buffer.from(JSON.stringify([{ error }]))),
  );
  const anyHeader = fc.oneof(
    anyText,
    fc.integer().map(String),
    fc.double().map(String),
    fc.constantFrom('6m0s', '-1', ''),
  );
  const headerNames = [
    'retry-after',
    'retry-after-ms',
    'x-should-retry',
    'x-ratelimit-remaining-requests',
    'x-ratelimit-remaining-tokens',
    'x-ratelimit-reset-requests',
    'x-ratelimit-reset-tokens',
  ];
  const anyHeaders = fc.dictionary(fc.constantFrom(...headerNames), anyHeader);
  const anyStatus = fc.oneof(
    fc.integer({ min: 100, max: 599 }),
    fc.integer(),
    fc.constantFrom(200, 401, 403, 404, 429),
  );

  test('it gives a failure of the table, with no key in it and a rest that ends', () => {
    fc.assert(
      fc.property(anyStatus, anyHeaders, anyBody, (status, headers, body) => {
        const failure = classify({ status, header: (name) => headers[name], body, nowMs });
        const row = failureKinds[failure.kind];
        assert.equal(failure.source, row.source);
        assert.notEqual(failure.source, 'client');
        assert.doesNotMatch(failure.message, /\bsk-[A-Za-z0-9_*-]{4,}/u);
        assert.doesNotMatch(failure.code ?? '', /\bsk-[A-Za-z0-9_*-]{4,}/u);
        assert.ok(failure.message.length < 600);
        const rest = failure.retryAfterMs ?? 1;
        assert.ok(rest > 0 && Number.isFinite(new Date(nowMs + rest).getTime()), String(rest));
      }),
      { numRuns: 2000 },
    );
  });

  test('also on a body made to be slow', () => {
    const parts = ['retry in 1', '1'.repeat(5000), 'model ', 'sk-', ' ', '[', 'You exceeded your current quota retry '];
    for (const part of parts) {
      const text = part.repeat(Math.ceil(1_000_000 / part.length));
      const startedAt = performance.now();
      for (const status of [200, 400, 403, 429]) classify(answerOf(status, openaiError(text)));
      classify(answerOf(400, text));
      assert.ok(performance.now() - startedAt < 1500, part.slice(0, 20));
    }
  });
});
