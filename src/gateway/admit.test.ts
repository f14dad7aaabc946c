// Who is refused where the bodies in flight fill their budget, and how large they may be in so much memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyBudget, bodyLimits, type BodyShare } from './admit.ts';

const kib = 1024;
const mib = 1 << 20;

/** A body that comes in; `refused` tells whether its place was taken back. */
function body(budget: BodyBudget, announcedBytes?: number): { share: BodyShare; refused: () => boolean } {
  const share = budget.open();
  let isRefused = false;
  share.begin(announcedBytes, () => (isRefused = true));
  return { share, refused: () => isRefused };
}

const overloaded = { code: 'overloaded', details: { retryAfterMs: 1000 } };

test('the bodies that began last make room for the older ones', () => {
  const budget = new BodyBudget(8 * mib);
  const [oldest, middle, youngest] = [body(budget), body(budget), body(budget)];
  oldest.share.add(2 * mib);
  middle.share.add(2 * mib);
  youngest.share.add(3 * mib);
  oldest.share.add(mib);
  assert.deepEqual([middle.refused(), youngest.refused()], [false, true]);
  assert.equal(budget.usedBytes, 5 * mib);
  middle.share.add(2 * mib);
  assert.throws(() => middle.share.add(mib), overloaded, 'who began last is refused itself');
  oldest.share.add(mib / 2);
  assert.equal(middle.refused(), true);
});

for (const isFirst of [true, false]) {
  test(`nobody is refused in vain, and nobody whose body is whole, whether it began ${isFirst ? 'first' : 'later'}`, () => {
    const budget = new BodyBudget(8 * mib);
    const [whole, oldest, youngest] = [body(budget), body(budget), body(budget)];
    if (!isFirst) oldest.share.add(mib);
    whole.share.add(4 * mib);
    whole.share.end();
    if (isFirst) oldest.share.add(mib);
    youngest.share.add(mib);
    assert.throws(() => oldest.share.add(4 * mib), overloaded);
    assert.deepEqual([whole.refused(), youngest.refused()], [false, false]);
    assert.equal(budget.usedBytes, 6 * mib);
  });
}

test('large bodies leave an eighth to the small ones', () => {
  const budget = new BodyBudget(8 * mib);
  const large = body(budget);
  large.share.add(7 * mib);
  assert.throws(() => body(budget, 65 * kib), overloaded, 'announced and no room for it');
  assert.throws(() => body(budget).share.add(65 * kib), overloaded);
  for (let n = 0; n < 16; n += 1) body(budget, 64 * kib).share.add(64 * kib);
  assert.throws(() => body(budget).share.add(1), overloaded);
  assert.equal(large.refused(), false);
});

test('what is announced and does not come takes no place', () => {
  const budget = new BodyBudget(8 * mib);
  for (let n = 0; n < 100; n += 1) body(budget, 7 * mib);
  assert.equal(budget.usedBytes, 0);
  body(budget, 7 * mib).share.add(7 * mib);
});

test('a large answer that is held counts, keeps newcomers out, and says where there is no room', () => {
  const budget = new BodyBudget(8 * mib);
  const [first, second] = [body(budget), body(budget)];
  assert.deepEqual([first.share.holdAnswer(5 * mib), second.share.holdAnswer(5 * mib)], [true, false]);
  assert.equal(budget.usedBytes, 10 * mib);
  assert.throws(() => body(budget).share.add(1), overloaded);
  first.share.letGoAnswer();
  first.share.letGoAnswer();
  second.share[Symbol.dispose]();
  assert.equal(budget.usedBytes, 0);
});

test('after any mix nothing is left, and there was never more than may be', () => {
  const step = fc.record({ who: fc.nat(5), bytes: fc.integer({ min: 1, max: 3 * mib }), what: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const budget = new BodyBudget(8 * mib);
      const bodies = Array.from({ length: 6 }, () => body(budget));
      for (const { who, bytes, what } of steps) {
        const { share, refused } = bodies[who] as (typeof bodies)[number];
        try {
          if (what === 0) share.end();
          else if (what === 1) share[Symbol.dispose]();
          else if (!refused()) share.add(bytes);
        } catch {
          share[Symbol.dispose]();
        }
        assert.equal(
          budget.usedBytes,
          bodies.reduce((sum, one) => sum + one.share.heldBytes, 0),
        );
        assert.ok(budget.usedBytes <= 8 * mib);
      }
      for (const { share } of bodies) share[Symbol.dispose]();
      assert.equal(budget.usedBytes, 0);
    }),
  );
});

test('how large bodies may be', () => {
  const rows: readonly (readonly [
    largest: number,
    inFlight: number | undefined,
    memory: number,
    expected: number[],
  ])[] = [
    [64 * mib, undefined, 16_384 * mib, [64 * mib, 512 * mib]],
    [64 * mib, undefined, 512 * mib, [64 * mib, 128 * mib]],
    [64 * mib, undefined, 128 * mib, [28 * mib, 32 * mib]],
    [64 * mib, 1024 * mib, 512 * mib, [64 * mib, 1024 * mib]],
    [64 * mib, 3000, 512 * mib, [3000, 3000]],
    [100, 3000, 512 * mib, [100, 3000]],
  ];
  for (const [largest, inFlight, memory, expected] of rows) {
    const limits = bodyLimits({ MAX_BODY_BYTES: largest, MAX_BODY_BYTES_IN_FLIGHT: inFlight }, memory);
    assert.deepEqual([limits.MAX_BODY_BYTES, limits.MAX_BODY_BYTES_IN_FLIGHT], expected);
  }
});
