// What the pool remembers over a restart of the quotas that it has been told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolAccount } from '../../test/support/pool-account.ts';
import { recall, remember } from './memory.ts';
import { Pool } from './pool.ts';
import { quotaOf } from './view.ts';

const reading = {
  limitRequests: 100,
  remainingRequests: 40,
  resetRequestsMs: null,
  limitTokens: null,
  remainingTokens: null,
  resetTokensMs: null,
};
const startMs = Date.parse('2026-01-01T00:00:00Z');

function poolWith(): Pool {
  const pool = new Pool();
  pool.apply({ accounts: [poolAccount('told'), poolAccount('by_hand', { limits: { rpm: 100 } })] });
  return pool;
}

function quotasOf(pool: Pool, nowMs: number): (readonly unknown[])[] {
  return pool.members.flatMap((member) =>
    quotaOf(member, nowMs).map(({ remaining_requests: remaining, observed_at: at }) => [
      member.account.id,
      remaining,
      at,
    ]),
  );
}

test('what was left, and when the upstream said so, is the same after a restart; what it never said has no time', () => {
  const before = poolWith();
  before.member('told')?.group.learn('gpt-4', reading, startMs, startMs);
  before.member('by_hand')?.group.quota('gpt-4');
  const expected = [
    ['told', 40, '2026-01-01T00:00:00.000Z'],
    ['by_hand', 100, null],
  ];
  assert.deepEqual(quotasOf(before, startMs), expected);
  const after = poolWith();
  recall(after, remember(before, startMs), startMs);
  assert.deepEqual(quotasOf(after, startMs), expected);
});

test('what was sent under a limit set by hand counts after a restart, and nothing that the upstream never told', () => {
  const before = poolWith();
  const quota = before.member('by_hand')?.group.quota('gpt-4') ?? assert.fail();
  quota.requests.take(70, startMs);
  const text = remember(before, startMs);
  for (const [limits, requests] of [
    [{ rpm: 100 }, 30],
    [{ rpm: 20 }, 20],
    [{}, Number.POSITIVE_INFINITY],
  ] as const) {
    const after = new Pool();
    after.apply({ accounts: [poolAccount('by_hand', { limits })] });
    recall(after, text, startMs);
    assert.equal(after.member('by_hand')?.group.quota('gpt-4').requests.left(startMs), requests);
  }
});

test('after a minute what was left is not believed any more: it has refilled, and the limit may be another', () => {
  const before = poolWith();
  before.member('told')?.group.learn('gpt-4', reading, startMs, startMs);
  for (const [afterMs, expected] of [
    [59_999, [['told', 100, '2026-01-01T00:00:00.000Z']]],
    [60_000, []],
  ] as const) {
    const after = poolWith();
    recall(after, remember(before, startMs), startMs + afterMs);
    assert.deepEqual(
      quotasOf(after, startMs + afterMs).filter(([, remaining]) => remaining !== null),
      expected,
    );
  }
});
