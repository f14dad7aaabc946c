// What is learned of how long tokens are: it meets the truth, follows it, and is not led astray.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenRatios } from './token-ratio.ts';

test('before anything is known, 3.5 bytes are a token', () => {
  const ratios = new TokenRatios();
  assert.equal(ratios.tokensOf('a', 3500), 1000);
  assert.equal(ratios.tokensOf('a', 1), 1);
  assert.equal(ratios.tokensOf('a', 0), 0);
});

test('each key has a ratio of its own, and it follows what is true now', () => {
  const ratios = new TokenRatios();
  for (let i = 0; i < 100; i += 1) ratios.learn('a', 5000, 1000);
  assert.ok(Math.abs(ratios.tokensOf('a', 50_000) - 10_000) < 200, String(ratios.tokensOf('a', 50_000)));
  assert.equal(ratios.tokensOf('b', 3500), 1000);
  for (let i = 0; i < 2000; i += 1) ratios.learn('a', 2000, 1000);
  assert.ok(Math.abs(ratios.tokensOf('a', 20_000) - 10_000) < 500, String(ratios.tokensOf('a', 20_000)));
});

test('a large prompt teaches more than a small one', () => {
  const ratios = new TokenRatios();
  ratios.learn('a', 400_000, 100_000);
  for (let i = 0; i < 20; i += 1) ratios.learn('a', 120, 10);
  assert.ok(Math.abs(ratios.tokensOf('a', 400_000) - 100_000) < 1000);
});

test('what no text can be teaches nothing', () => {
  const ratios = new TokenRatios();
  for (const [bytes, tokens] of [
    [5_000_000, 1000],
    [300, 765],
    [100, 0],
    [Number.NaN, 5],
  ] as const)
    ratios.learn('a', bytes, tokens);
  assert.equal(ratios.tokensOf('a', 3500), 1000);
});

test('invented names push out the oldest, and do not pile up', () => {
  const ratios = new TokenRatios(10);
  for (let i = 0; i < 1000; i += 1) for (let j = 0; j < 10; j += 1) ratios.learn(`m${i}`, 60_000, 10_000);
  assert.equal(ratios.tokensOf('m0', 3500), 1000);
  assert.ok(ratios.tokensOf('m999', 3500) < 650);
});
