// Plans: every moment of every bucket is read exactly once, and only where it may be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Span } from '../lib/time-zone.ts';
import { quarterMs } from './usage-increments.ts';
import { planUsage, type FoldKind, type Source } from './usage-plan.ts';

const minute = 60_000;
const day = 86_400_000;

function kind(fold: number, spanMs: number, untilMs: number): FoldKind {
  return { fold, spanMs, untilMs, hasModel: true, hasAccount: false, hasKey: false };
}

function plan(buckets: Span[], kinds: FoldKind[]): [Source['from'], [bucket: number, from: number, to: number][]][] {
  return planUsage(buckets, kinds).map(({ from, pieces }) => [
    from,
    pieces.map(({ bucketMs, fromMs, toMs }) => [bucketMs, fromMs, toMs]),
  ]);
}

test('the coarsest that fits, and the finer ones at both ends', () => {
  const kinds = [kind(1, 30 * minute, 10 * day), kind(2, day, 10 * day)];
  assert.deepEqual(plan([{ fromMs: day, toMs: 3 * day }], kinds), [[2, [[day, day, 3 * day]]]]);
  const fromMs = day - 50 * minute;
  const toMs = 2 * day + 46 * minute;
  assert.deepEqual(plan([{ fromMs, toMs }], kinds), [
    [2, [[fromMs, day, 2 * day]]],
    [
      1,
      [
        [fromMs, day - 30 * minute, day],
        [fromMs, 2 * day, 2 * day + 30 * minute],
      ],
    ],
    [
      'quarters',
      [
        [fromMs, day - 45 * minute, day - 30 * minute],
        [fromMs, 2 * day + 30 * minute, 2 * day + 45 * minute],
      ],
    ],
    [
      'ledger',
      [
        [fromMs, fromMs, day - 45 * minute],
        [fromMs, 2 * day + 45 * minute, toMs],
      ],
    ],
  ]);
});

test('a fold is read only as far as it is complete', () => {
  const span = { fromMs: 0, toMs: 3 * day };
  assert.deepEqual(plan([span], [kind(2, day, 2 * day + 1)]), [
    [2, [[0, 0, 2 * day]]],
    ['quarters', [[0, 2 * day, 3 * day]]],
  ]);
  assert.deepEqual(plan([span], [kind(2, day, 0)]), [['quarters', [[0, 0, 3 * day]]]]);
  assert.deepEqual(plan([{ fromMs: 5, toMs: 9 }], []), [['ledger', [[5, 5, 9]]]]);
  assert.deepEqual(plan([], []), []);
});

test('each moment of each bucket is read once, in whole spans of complete folds', () => {
  const moment = fc.oneof(
    fc.integer({ min: 0, max: 60 * day }),
    fc.integer({ min: 0, max: 60 * 96 }).map((n) => n * quarterMs),
  );
  const kinds = fc.tuple(moment, moment, moment).map(([a, b, c]) => {
    const until = (ms: number): number => Math.floor(ms / quarterMs) * quarterMs;
    return [kind(1, 30 * minute, until(a)), kind(2, day, until(b)), kind(3, 7 * day, until(c))];
  });
  const cuts = fc.uniqueArray(moment, { minLength: 2, maxLength: 6 }).map((list) => list.toSorted((a, b) => a - b));
  fc.assert(
    fc.property(cuts, kinds, (bounds, folds) => {
      const buckets = bounds.slice(1).map((toMs, n) => ({ fromMs: bounds[n] ?? 0, toMs }));
      const sources = planUsage(buckets, folds);
      const all = sources.flatMap(({ from, pieces }) => pieces.map((piece) => ({ from, ...piece })));
      all.sort((a, b) => a.fromMs - b.fromMs);
      let atMs = bounds[0];
      for (const { from, bucketMs, fromMs, toMs } of all) {
        assert.equal(fromMs, atMs);
        assert.ok(fromMs < toMs);
        atMs = toMs;
        const bucket = buckets.find((one) => one.fromMs === bucketMs);
        assert.ok(bucket !== undefined && bucket.fromMs <= fromMs && toMs <= bucket.toMs);
        const fold = folds.find((one) => one.fold === from);
        const spanMs = from === 'ledger' ? 1 : (fold?.spanMs ?? quarterMs);
        assert.deepEqual([fromMs % spanMs, toMs % spanMs], [0, 0]);
        assert.ok(fold === undefined || toMs <= fold.untilMs);
        if (from === 'ledger') assert.ok(toMs - fromMs < 2 * quarterMs);
      }
      assert.equal(atMs, bounds.at(-1));
    }),
  );
});
