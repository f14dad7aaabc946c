// Tests when a refusal waits: never up to 500 in a second, then in turn, for two seconds at most, and each key for itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusalPace } from './refusal-pace.ts';

function delays(pace: RefusalPace, key: string, count: number, nowMs: number): number[] {
  return Array.from({ length: count }, () => pace.delayOf(key, nowMs));
}

test('five hundred at once wait for nothing; the next ones two milliseconds each', () => {
  const pace = new RefusalPace();
  assert.ok(delays(pace, 'a', 500, 0).every((delay) => delay === 0));
  assert.deepEqual(delays(pace, 'a', 3, 0), [2, 4, 6]);
  assert.equal(pace.delayOf('b', 0), 0, 'another key is another matter');
});

test('nobody waits longer than two seconds, and a second after the flood nobody waits that long', () => {
  const pace = new RefusalPace();
  assert.equal(Math.max(...delays(pace, 'a', 10_000, 0)), 2000);
  assert.equal(pace.delayOf('a', 1000), 1002);
  assert.equal(pace.delayOf('a', 4000), 0);
});

test('whoever is refused five hundred times a second, evenly, never waits', () => {
  const pace = new RefusalPace();
  for (let n = 0; n < 5000; n += 1) assert.equal(pace.delayOf('a', n * 2), 0);
});

test('the keys that are remembered are bounded', () => {
  const pace = new RefusalPace();
  delays(pace, 'first', 600, 0);
  for (let n = 0; n < 10_000; n += 1) pace.delayOf(`k${n}`, 0);
  assert.equal(pace.delayOf('first', 0), 0);
});
