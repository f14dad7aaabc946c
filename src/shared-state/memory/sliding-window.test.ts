// Tests the sliding window: never over its limit in any 60 seconds, and hardly under it when more is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlidingWindow, windowMs, type Slot, type WindowCount } from './sliding-window.ts';

const limit = 1000;

/** One of the two sums, with the other one full of something else. */
class OneSum {
  readonly #window = new SlidingWindow();
  readonly #count: WindowCount;

  constructor(count: WindowCount) {
    this.#count = count;
  }

  get length(): number {
    return this.#window.length;
  }

  sum(nowMs: number): number {
    return this.#window.sum(this.#count, nowMs);
  }

  add(amount: number, nowMs: number): Slot {
    return this.#count === 'requests' ? this.#window.add(amount, 7, nowMs) : this.#window.add(3, amount, nowMs);
  }

  correct(slot: Slot, difference: number, nowMs: number): void {
    const [requests, tokens] = this.#count === 'requests' ? [difference, 0] : [0, difference];
    this.#window.correct(slot, requests, tokens, nowMs);
  }

  waitMs(most: number, amount: number, nowMs: number): number {
    return this.#window.waitMs(this.#count, most, amount, nowMs);
  }

  emptyInMs(nowMs: number): number {
    return this.#window.emptyInMs(this.#count, nowMs);
  }
}

const counts: readonly WindowCount[] = ['requests', 'tokens'];

/** Asks again and again for whatever fits; what was let in, and when. */
function flood(
  count: WindowCount,
  pauses: readonly number[],
  amounts: readonly number[],
): { atMs: number; amount: number }[] {
  const window = new OneSum(count);
  const admitted: { atMs: number; amount: number }[] = [];
  let nowMs = 1_000_000;
  for (let i = 0; nowMs < 1_000_000 + 5 * windowMs; i += 1) {
    nowMs += pauses[i % pauses.length] ?? 1;
    const amount = amounts[i % amounts.length] ?? 1;
    if (window.sum(nowMs) + amount > limit) continue;
    window.add(amount, nowMs);
    admitted.push({ atMs: nowMs, amount });
  }
  return admitted;
}

test('no minute anywhere holds more than the limit, and at least 95 % of it is used under excess demand', () => {
  const pauses = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 50 });
  const amounts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(fc.constantFrom(...counts), pauses, amounts, (count, pause, amount) => {
      const admitted = flood(count, pause, amount);
      let first = 0;
      let sum = 0;
      for (const { atMs, amount: added } of admitted) {
        sum += added;
        for (; (admitted[first]?.atMs ?? atMs) <= atMs - windowMs; first += 1) sum -= admitted[first]?.amount ?? 0;
        assert.ok(sum <= limit, `${sum} within a minute`);
      }
      const asked =
        pause.reduce((a, b) => a + b, 0) / pause.length / (amount.reduce((a, b) => a + b, 0) / amount.length);
      const demand = windowMs / asked;
      const total = admitted.reduce((all, one) => all + one.amount, 0);
      if (demand > 1.5 * limit) assert.ok(total >= 0.95 * 5 * limit, `${total} of ${5 * limit}`);
    }),
    { numRuns: 200 },
  );
});

test('what is said about waiting is exact', () => {
  const amounts = fc.array(
    fc.record({ pause: fc.integer({ min: 0, max: 9000 }), amount: fc.integer({ min: 1, max: 300 }) }),
    {
      minLength: 1,
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(fc.constantFrom(...counts), amounts, fc.integer({ min: 1, max: 2 * limit }), (count, steps, wanted) => {
      const window = new OneSum(count);
      let nowMs = 5_000_000;
      for (const { pause, amount } of steps) window.add(amount, (nowMs += pause));
      const fits = (atMs: number): boolean => window.sum(atMs) + Math.min(wanted, limit) <= limit;
      const waitMs = window.waitMs(limit, wanted, nowMs);
      if (waitMs > 0) assert.ok(!fits(nowMs) && !fits(nowMs + waitMs - 1));
      assert.ok(fits(nowMs + waitMs));
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...counts), amounts, (count, steps) => {
      const window = new OneSum(count);
      let nowMs = 5_000_000;
      for (const { pause, amount } of steps) window.add(amount, (nowMs += pause));
      const resetMs = window.emptyInMs(nowMs);
      assert.ok(resetMs > 0 && resetMs <= windowMs);
      assert.ok(window.sum(nowMs + resetMs - 1) > 0);
      assert.equal(window.sum(nowMs + resetMs), 0);
    }),
  );
});

for (const count of counts)
  test(`a correction of ${count} counts where it belongs, as long as that is in the window`, () => {
    const window = new OneSum(count);
    const first = window.add(100, 0);
    const second = window.add(200, 30_000);
    window.correct(first, -60, 59_999);
    assert.equal(window.sum(59_999), 240);
    window.correct(first, -40, 60_000);
    assert.equal(window.sum(60_000), 200);
    window.correct(second, 50, 60_000);
    assert.equal(window.sum(60_000), 250);
    window.correct(first, 70, 61_000);
    assert.equal(window.sum(90_000), 70);
    assert.equal(window.sum(121_000), 0);
  });

test('a correction of both says when each of them is gone', () => {
  const window = new SlidingWindow();
  const slot = window.add(1, 10, 0);
  window.add(1, 10, 30_000);
  // The first has left by then: what is missing of its tokens counts now, and gives no request back.
  window.correct(slot, -1, 5, 60_000);
  assert.deepEqual([window.sum('requests', 60_000), window.sum('tokens', 60_000)], [1, 15]);
  assert.deepEqual([window.emptyInMs('requests', 60_000), window.emptyInMs('tokens', 60_000)], [30_000, 60_000]);
});

test('however much is counted, little is remembered', () => {
  const window = new OneSum('requests');
  for (let nowMs = 0; nowMs < 10 * windowMs; nowMs += 1) window.add(1, nowMs);
  assert.ok(window.length <= 200, String(window.length));
  assert.equal(window.sum(12 * windowMs), 0);
  assert.equal(window.length, 0);
});
