// What follows a failed attempt: whether there is another, and how long it waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf } from '../core/failure.ts';
import { backoffMs, mayRetry, retryWaitMs } from './retry.ts';

test('a backoff is anything from nothing to a limit that doubles, 8 s at most', () => {
  for (const [attempts, limitMs] of [
    [1, 500],
    [2, 1000],
    [3, 2000],
    [5, 8000],
    [9, 8000],
  ] as const)
    for (const random of [0, 0.25, 1]) assert.equal(backoffMs(attempts, random), random * limitMs);
});

test('what is the caller’s or the client’s is never tried again, all else as often as there are attempts', () => {
  for (const kind of ['caller_error', 'context_length_exceeded', 'policy_refused', 'client_gone'] as const)
    assert.equal(mayRetry(failureOf(kind, 'x'), 1, 3), false, kind);
  for (const kind of ['rate_limited', 'upstream_error', 'connection_failed', 'invalid_api_key'] as const)
    assert.deepEqual([mayRetry(failureOf(kind, 'x'), 2, 3), mayRetry(failureOf(kind, 'x'), 3, 3)], [true, false], kind);
});

test('another account is asked at once where the last one was to blame; the same one gets the rest that it asked for', () => {
  const limited = failureOf('rate_limited', 'x', { retryAfterMs: 7000 });
  assert.equal(retryWaitMs(limited, 1, false, 1), 0);
  assert.equal(retryWaitMs(limited, 1, true, 1), 7000);
  const failing = failureOf('upstream_error', 'x', { retryAfterMs: 300 });
  assert.equal(retryWaitMs(failing, 1, false, 0.5), 250);
  assert.equal(retryWaitMs(failing, 1, true, 0.5), 300);
  assert.equal(retryWaitMs(failing, 1, true, 1), 500);
});
