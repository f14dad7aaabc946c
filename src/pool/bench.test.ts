// How long a bench lasts: the upstream's word, else doubling; and of two ends the later one stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureKinds, failureOf, type FailureKind } from '../core/failure.ts';
import { activeBench, benchAfter, type Bench } from './bench.ts';

const nowMs = 1_800_000_000_000;
const minute = 60_000;

/** Of failures at these times, in ms from the first, how long after each the bench ends, and its strikes. */
function ends(kind: FailureKind, failures: readonly (readonly [atMs: number, retryAfterMs?: number])[]): number[][] {
  let bench: Bench | undefined;
  return failures.map(([atMs, retryAfterMs]) => {
    const facts = retryAfterMs === undefined ? {} : { retryAfterMs };
    bench = benchAfter(bench, failureOf(kind, 'x', facts), nowMs + atMs);
    return [(bench?.untilMs ?? 0) - nowMs - atMs, bench?.strikes ?? 0];
  });
}

test('a second failure within a bench makes it longer or leaves it, never shorter', () => {
  assert.deepEqual(ends('rate_limited', [[0, 7000], [1000, 2000], [2000, 30_000], [3000]]), [
    [7000, 1],
    [6000, 1],
    [30_000, 1],
    [29_000, 1],
  ]);
});

test('without a word of the upstream each bench in a row is twice as long, up to the longest', () => {
  const failures = [0, 6, 20, 60, 200, 400].map((minutes) => [minutes * minute] as const);
  assert.deepEqual(
    ends('invalid_api_key', failures),
    [5, 10, 20, 40, 60, 60].map((minutes, i) => [minutes * minute, i + 1]),
  );
});

test('another kind begins anew, and keeps the end of the one that still runs', () => {
  const first = benchAfter(undefined, failureOf('invalid_api_key', 'x'), nowMs);
  const later = nowMs + 6 * minute;
  assert.equal(activeBench(first, later), undefined);
  const next = benchAfter(first, failureOf('rate_limited', 'x'), later);
  assert.deepEqual([next?.kind, next?.strikes, next?.sinceMs], ['rate_limited', 1, later]);
  assert.equal(benchAfter(first, failureOf('rate_limited', 'x'), nowMs + 1), first);
});

test('every kind whose scope is somebody has a bench that ends, and no other has one', () => {
  for (const [kind, { scope }] of Object.entries(failureKinds)) {
    const bench = benchAfter(undefined, failureOf(kind as FailureKind, 'x'), nowMs);
    assert.equal(bench === undefined, scope === 'none', kind);
    if (bench !== undefined) assert.ok(bench.untilMs > nowMs && bench.untilMs <= nowMs + 60 * minute, kind);
  }
});
