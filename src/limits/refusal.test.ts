// Tests what a client is told when its key's limits refuse a request.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitedKey } from '../../test/support/client-key.ts';
import { attemptRefusal, dollars, refusalOf, unpricedRefusal, type Refused } from './refusal.ts';

const key = limitedKey({ rpm: 5, tpm: 100, maxConcurrency: 2, budget: 12_500_000_000 });
const nothing: Refused = { key, obstacles: [], money: null, period: null, tokens: 70 };

test('each limit has its type, and the longest wait is told', () => {
  const { error, limit } = refusalOf({
    ...nothing,
    obstacles: [
      { limit: 'requests', waitMs: 900 },
      { limit: 'tokens', waitMs: 1500.2 },
      { limit: 'concurrency', waitMs: null },
    ],
  });
  assert.equal(limit, 'tokens');
  assert.deepEqual(
    [error.status, error.code, error.type, ...error.toHeaders()],
    [429, 'rate_limit_exceeded', 'tokens', 'retry-after', '2', 'retry-after-ms', '1501'],
  );
  const places = refusalOf({ ...nothing, obstacles: [{ limit: 'concurrency', waitMs: null }] }).error;
  assert.deepEqual([places.type, places.details.retryAfterMs], ['concurrency', 1000]);
  const soon = refusalOf({ ...nothing, obstacles: [{ limit: 'requests', waitMs: 0 }] }).error;
  assert.deepEqual(soon.toHeaders(), ['retry-after', '1', 'retry-after-ms', '1']);
});

test('the budget comes before all, and says how it stands', () => {
  const { error, limit } = refusalOf({
    ...nothing,
    obstacles: [
      { limit: 'requests', waitMs: 900_000_000 },
      { limit: 'budget', waitMs: 5 },
    ],
    money: { spentNanoUsd: 12_345_678_901, reservedNanoUsd: 100_000_000 },
    period: { startMs: 0, endMs: Date.parse('2026-11-23T23:00:00Z') },
  });
  assert.equal(limit, 'budget');
  assert.deepEqual([error.status, error.code, error.type], [429, 'budget_exceeded', 'insufficient_quota']);
  assert.deepEqual(error.toHeaders(), ['x-should-retry', 'false']);
  assert.equal(
    error.message,
    'The client key "Test" may spend $12.50 a day; $12.345679 is spent, $0.10 is held for requests under way, and this request could cost more than the rest. It begins anew at 2026-11-23T23:00:00Z.',
  );
  const forever = limitedKey({
    budget: { amountNanoUsd: 1_000_000_000, period: 'none', timeZone: 'UTC', inForceSince: 1 },
  });
  assert.equal(
    refusalOf({
      ...nothing,
      key: forever,
      obstacles: [{ limit: 'budget', waitMs: null }],
      money: { spentNanoUsd: 0, reservedNanoUsd: 0 },
      period: { startMs: 0, endMs: Infinity },
    }).error.message,
    'The client key "Test" may spend $1.00; $0.00 is spent, and this request could cost more than the rest. The budget does not begin anew by itself.',
  );
});

test('where trying again cannot help, the client is told not to', () => {
  const attempt = attemptRefusal(key);
  assert.deepEqual([attempt.status, attempt.code], [429, 'budget_exceeded']);
  assert.deepEqual(attempt.toHeaders(), ['x-should-retry', 'false']);
  const unpriced = unpricedRefusal(key, 'gpt-x');
  assert.deepEqual([unpriced.status, unpriced.code, unpriced.param], [403, 'model_not_allowed', 'model']);
  assert.deepEqual(unpriced.toHeaders(), ['x-should-retry', 'false']);
});

test('money is told to the cent, and finer where it would read as nothing', () => {
  const examples: readonly (readonly [nanoUsd: number, text: string])[] = [
    [0, '$0.00'],
    [1, '$0.000001'],
    [10_000_000, '$0.01'],
    [1_234_000_000, '$1.234'],
    [150_000_000_000, '$150.00'],
  ];
  for (const [nanoUsd, text] of examples) assert.equal(dollars(nanoUsd), text);
});
