// Tests how far V8's young generation may grow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { boundYoungGeneration, isYoungGenerationChosen, ownYoungGeneration } from './young-generation.ts';

const mebibyte = 1 << 20;

test('it grows while it is small, or while many requests are under way', async () => {
  const clock = new FakeClock();
  const factors: number[] = [];
  let underWay = 0;
  let held = 1;
  const end = boundYoungGeneration({
    clock,
    underWay: () => underWay,
    youngBytes: () => held * mebibyte,
    setGrowthFactor: (factor) => factors.push(factor),
  });
  assert.deepEqual(factors, [2], 'the start held it small');
  const looks: readonly (readonly [underWay: number, held: number, told: readonly number[]])[] = [
    [0, 1, []],
    [64, 8, []],
    [64, 9, [1]],
    [100, 16, []],
    [101, 16, [2]],
    [512, 32, []],
    [64, 32, [1]],
    [0, 1, [2]],
    [64, 16, [1]],
  ];
  for (const [i, [now, mebibytes, told]] of looks.entries()) {
    [underWay, held] = [now, mebibytes];
    factors.length = 0;
    await clock.advance(100);
    assert.deepEqual(factors, told, `look ${i}`);
  }
  end();
  assert.deepEqual(factors, [1, 2], 'V8 is left as it was');
  held = 32;
  await clock.advance(1000);
  assert.deepEqual(factors, [1, 2], 'nobody looks any more');
});

test('V8 keeps to the factor', () => {
  const { youngBytes, setGrowthFactor } = ownYoungGeneration;
  const kept: unknown[] = [];
  /** Each piece lives through a collection or two, which is what lets the young generation grow. */
  const work = (): number => {
    for (let n = 0; n < 400_000; n += 1) kept[n % 20_000] = { n, text: [n] };
    return youngBytes();
  };
  setGrowthFactor(1);
  try {
    // What it may have it takes and gives back piece by piece.
    const held = Math.max(...Array.from({ length: 5 }, work));
    assert.ok(held > 0);
    const hasGrown = (): boolean => work() > 1.5 * held;
    assert.ok(!hasGrown() && !hasGrown());
    setGrowthFactor(2);
    // When it does, V8 decides.
    assert.ok(Array.from({ length: 20 }).some(hasGrown));
  } finally {
    setGrowthFactor(2);
  }
});

test('who has chosen a size keeps it', () => {
  assert.ok(!isYoungGenerationChosen([]));
  assert.ok(!isYoungGenerationChosen(['--max-semi-space-size=16', '--enable-source-maps']));
  assert.ok(isYoungGenerationChosen(['--max-semi-space-size=16', '--max-semi-space-size=64']));
  assert.ok(isYoungGenerationChosen(['--min-semi-space-size=8']));
});
