// What is left of a limit: by the upstream's word, by what was sent since, by what has refilled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Allowance } from './allowance.ts';

const now = 1_000_000;

test('without a limit everything is left', () => {
  const allowance = new Allowance(null);
  allowance.take(1e9, now);
  assert.equal(allowance.left(now), Number.POSITIVE_INFINITY);
  assert.equal(allowance.share(now), 1);
  assert.equal(allowance.freeAtMs(1e9, now), now);
});

test('the upstream’s word counts what left before it, we count what left since', () => {
  const allowance = new Allowance(null);
  allowance.take(1, now);
  allowance.take(1, now + 10);
  allowance.take(1, now + 20);
  // The answer to the second request: the first two are in it, the third is not.
  allowance.learn({ limit: 60, remaining: 50 }, now + 10);
  assert.equal(allowance.left(now + 10), 49);
  // A second refills one request.
  assert.equal(allowance.left(now + 1010), 50);
  // An older word comes late and says nothing new.
  allowance.learn({ limit: 60, remaining: 59 }, now);
  assert.equal(allowance.left(now + 10), 49);
});

test('never more than the limit, and exactly when there is enough', () => {
  const allowance = new Allowance(null);
  allowance.learn({ limit: 60, remaining: 0 }, now);
  assert.equal(allowance.left(now + 3_600_000), 60);
  assert.equal(allowance.freeAtMs(1, now), now + 1000);
  assert.equal(allowance.freeAtMs(30, now), now + 30_000);
  assert.equal(allowance.freeAtMs(1000, now), now + 60_000, 'more than the limit waits for a full one');
  assert.equal(allowance.share(now + 30_000), 0.5);
});

test('what never reached the upstream is given back', () => {
  for (const isTold of [true, false]) {
    const allowance = new Allowance(isTold ? null : 10);
    if (isTold) allowance.learn({ limit: 10, remaining: 10 }, now);
    const taken = allowance.take(4, now + 1);
    assert.ok(allowance.left(now + 1) <= 6.001);
    allowance.giveBack(taken);
    allowance.giveBack(taken);
    assert.equal(Math.round(allowance.left(now + 1)), 10);
  }
});

test('a limit set by hand and what the upstream tells hold both', () => {
  for (const { byHand, told, sent, expected } of [
    { byHand: 10, told: { limit: 1000, remaining: 999 }, sent: 4, expected: [10, 6, 0.6, now + 24_000] },
    { byHand: 100, told: { limit: 10, remaining: 6 }, sent: 4, expected: [10, 2, 0.2, now + 48_000] },
    // Of the larger limit less may be left: others draw on it, too.
    { byHand: 10, told: { limit: 1000, remaining: 5 }, sent: 4, expected: [10, 1, 0.001, now + 24_000] },
    { byHand: 10, told: { limit: 1000, remaining: null }, sent: 4, expected: [10, 6, 0.6, now + 24_000] },
  ] as const) {
    const allowance = new Allowance(byHand);
    allowance.learn(told, now);
    for (let n = 0; n < sent; n += 1) allowance.take(1, now);
    const found = [allowance.limit, allowance.left(now), allowance.share(now), allowance.freeAtMs(12, now)];
    assert.deepEqual(found, expected, JSON.stringify({ byHand, told }));
  }
});

test('another limit set by hand leaves what the upstream told', () => {
  const allowance = new Allowance(10);
  allowance.learn({ limit: 1000, remaining: 500 }, now);
  allowance.setCeiling(20);
  assert.deepEqual([allowance.limit, allowance.left(now)], [20, 20]);
  allowance.setCeiling(null);
  assert.deepEqual([allowance.limit, allowance.left(now)], [1000, 500]);
});

test('what the upstream tells of little sent does not make room under a limit set by hand', () => {
  const allowance = new Allowance(3);
  for (let n = 0; n < 3; n += 1) {
    allowance.take(1, now + n);
    allowance.learn({ limit: 1000, remaining: 1000 }, now + n);
  }
  assert.ok(allowance.left(now + 3) < 1);
  assert.ok(allowance.freeAtMs(1, now + 3) > now + 19_000);
});

test('a limit set by hand refills although nobody confirms it', () => {
  const allowance = new Allowance(60);
  for (let i = 0; i < 60; i += 1) allowance.take(1, now);
  assert.equal(allowance.left(now), 0);
  assert.equal(allowance.freeAtMs(1, now), now + 1000);
  assert.equal(Math.round(allowance.left(now + 30_000)), 30);
  allowance.take(30, now + 30_000);
  assert.equal(Math.round(allowance.left(now + 30_000)), 0);
});

test('what was sent and never answered refills as well, although the upstream told of its limit before', () => {
  const allowance = new Allowance(null);
  allowance.take(1, now);
  allowance.learn({ limit: 3, remaining: 3 }, now);
  // Each times out, or is answered without a word on limits.
  for (let n = 0; n < 3; n += 1) allowance.take(1, now + 1);
  assert.equal(Math.round(allowance.left(now + 1)), 0);
  assert.equal(Math.round(allowance.freeAtMs(1, now + 1)), now + 20_001);
  assert.equal(Math.round(allowance.left(now + 20_001)), 1);
  for (let n = 0; n < 3; n += 1) allowance.take(1, now + 120_000);
  assert.equal(allowance.left(now + 120_000), 0);
  assert.equal(allowance.freeAtMs(3, now + 180_000), now + 180_000);
});

test('an older word does not bring an older limit back', () => {
  const allowance = new Allowance(null);
  allowance.learn({ limit: 10, remaining: 10 }, now);
  allowance.learn({ limit: 600, remaining: 600 }, now - 1000);
  assert.equal(allowance.limit, 10);
});

test('nonsense: a limit of nothing is none, a remaining above the limit is cut', () => {
  const none = new Allowance(null);
  none.learn({ limit: 0, remaining: 0 }, now);
  assert.equal(none.left(now), Number.POSITIVE_INFINITY);
  const allowance = new Allowance(null);
  allowance.learn({ limit: 10, remaining: 99 }, now);
  assert.equal(allowance.left(now), 10);
  allowance.learn({ limit: null, remaining: null }, now + 1);
  assert.equal(allowance.left(now), 10);
});

test('of several that left in the same moment each word counts one, and the lowest holds', () => {
  const allowance = new Allowance(null);
  for (let n = 0; n < 3; n += 1) allowance.take(1, now);
  allowance.learn({ limit: 60, remaining: 50 }, now);
  assert.equal(allowance.left(now), 48);
  allowance.learn({ limit: 60, remaining: 51 }, now);
  assert.equal(allowance.left(now), 49);
});

test('what the upstream has counted is not given back', () => {
  const allowance = new Allowance(null);
  const taken = allowance.take(4, now);
  allowance.learn({ limit: 10, remaining: 6 }, now);
  allowance.giveBack(taken);
  assert.equal(allowance.left(now), 6);
});

test('a limit without a word on what is left begins full', () => {
  const allowance = new Allowance(null);
  allowance.take(4, now);
  allowance.learn({ limit: 10, remaining: null }, now);
  assert.equal(allowance.left(now), 10);
  allowance.take(4, now);
  assert.equal(allowance.left(now), 6);
});

test('a clock that is put back takes nothing away', () => {
  const allowance = new Allowance(null);
  allowance.learn({ limit: 60, remaining: 30 }, now);
  assert.equal(allowance.left(now - 10_000), 30);
});

test('what is sent to an upstream that never tells its limits does not pile up', () => {
  const allowance = new Allowance(null);
  for (let n = 0; n <= 20_000; n += 1) allowance.take(1, now);
  allowance.learn({ limit: 1e6, remaining: 1e6 }, now - 1);
  const remembered = 1e6 - allowance.left(now - 1);
  assert.ok(remembered > 0 && remembered <= 10_001, String(remembered));
});

test('against a bucket that refills as the upstream does, what we let through is never refused', () => {
  const step = fc.record({ gapMs: fc.nat(2000), answersAfterMs: fc.nat(3000), isAnswered: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.array(step, { maxLength: 120 }), (limit, steps) => {
      const upstream = { remaining: limit, atMs: now };
      const allowance = new Allowance(limit);
      const answers: { atMs: number; sentAtMs: number; remaining: number }[] = [];
      let atMs = now;
      for (const { gapMs, answersAfterMs, isAnswered } of steps) {
        atMs += gapMs;
        for (const answer of answers.filter((one) => one.atMs <= atMs)) {
          allowance.learn({ limit, remaining: answer.remaining }, answer.sentAtMs);
          answers.splice(answers.indexOf(answer), 1);
        }
        if (allowance.freeAtMs(1, atMs) > atMs) continue;
        upstream.remaining = Math.min(limit, upstream.remaining + ((atMs - upstream.atMs) / 60_000) * limit);
        upstream.atMs = atMs;
        assert.ok(upstream.remaining >= 1 - 1e-6, `refused with ${upstream.remaining} left`);
        upstream.remaining -= 1;
        allowance.take(1, atMs);
        if (!isAnswered) continue;
        answers.push({ atMs: atMs + answersAfterMs, sentAtMs: atMs, remaining: Math.floor(upstream.remaining) });
      }
    }),
    { numRuns: 1000 },
  );
});
