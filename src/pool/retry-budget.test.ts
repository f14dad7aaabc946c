// Retries are a share of the requests, over seconds and over minutes, however late the failures come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RetryBudget } from './retry-budget.ts';

/** What happens: so many requests, or so many wishes to retry, and at what second. */
type Step = readonly [atSecond: number, requests: number, wishes: number];

function granted(steps: readonly Step[]): number[] {
  const budget = new RetryBudget();
  return steps.map(([atSecond, requests, wishes]) => {
    const nowMs = 1_700_000_000_000 + atSecond * 1000;
    for (let n = 0; n < requests; n += 1) budget.request(nowMs);
    return Array.from({ length: wishes }, () => budget.takeRetry(nowMs)).filter(Boolean).length;
  });
}

const tables: Readonly<Record<string, readonly [steps: readonly Step[], granted: readonly number[]]>> = {
  'a few may always be retried': [[[0, 1, 20]], [10]],
  'a fifth of many': [[[0, 320, 640]], [64]],
  'the share counts from the floor, it is not added to it': [
    [
      [0, 0, 20],
      [1, 100, 100],
    ],
    [10, 10],
  ],
  'a burst is bounded although minutes before it were quiet': [
    [
      [0, 1000, 0],
      [60, 100, 1000],
    ],
    [0, 20],
  ],
  'failures that come late: the floor, until a fifth of the requests is used up': [
    [
      [0, 320, 0],
      [15, 0, 100],
      [30, 0, 100],
      [45, 0, 100],
      [60, 0, 100],
      [75, 0, 100],
      [90, 0, 100],
      [105, 0, 100],
      [120, 0, 100],
    ],
    [0, 10, 10, 10, 10, 10, 10, 4, 0],
  ],
  'few requests that fail now and then are retried for minutes': [
    [
      [0, 1, 20],
      [15, 1, 20],
      [300, 1, 20],
    ],
    [10, 10, 10],
  ],
  'a floor of minutes that was used up is there again after ten': [
    [0, 15, 30, 45, 60, 75, 90, 300, 700].map((second) => [second, 1, 20] as const),
    [10, 10, 10, 10, 10, 10, 0, 0, 10],
  ],
  'after an outage the share is earned by new requests': [
    [
      [0, 100, 100],
      [20, 100, 100],
    ],
    [20, 20],
  ],
};

for (const [name, [steps, expected]] of Object.entries(tables))
  test(name, () => assert.deepEqual(granted(steps), expected));

test('over ten minutes there are never more than a fifth of the requests, or sixty', () => {
  const step = fc.tuple(fc.nat(590), fc.nat(60), fc.nat(60));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const inOrder = steps.toSorted(([a], [b]) => a - b);
      const requests = inOrder.reduce((sum, [, n]) => sum + n, 0);
      const retries = granted(inOrder).reduce((sum, n) => sum + n, 0);
      // A stretch of ten slots begins with a slot, so up to a minute of it may be the past.
      assert.ok(retries <= Math.max(60, requests * 0.2) + 60, `${retries} retries for ${requests} requests`);
    }),
  );
});
