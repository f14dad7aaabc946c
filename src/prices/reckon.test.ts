// Tokens come apart without overlap, and the reckoning is exact whatever the counts and rates are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tokenKinds, type Rates } from '../core/price.ts';
import type { TokenUsage } from '../core/usage.ts';
import { partsOf, reckon, type TokenParts } from './reckon.ts';

const none: TokenUsage = {
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

const noParts: TokenParts = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, audioInput: 0, audioOutput: 0 };

test('parts do not overlap, and details that claim too much are cut', () => {
  const rows: readonly (readonly [usage: Partial<TokenUsage>, parts: Partial<TokenParts>])[] = [
    [{}, {}],
    [
      { prompt_tokens: 10, completion_tokens: 5 },
      { input: 10, output: 5 },
    ],
    [
      { prompt_tokens: 10, cached_tokens: 4, cache_write_tokens: 3, audio_prompt_tokens: 2 },
      { input: 1, cachedInput: 4, cacheWrite: 3, audioInput: 2 },
    ],
    [{ prompt_tokens: 10, cached_tokens: 11, cache_write_tokens: 3, audio_prompt_tokens: 2 }, { cachedInput: 10 }],
    [
      { prompt_tokens: 10, cached_tokens: 8, cache_write_tokens: 3, audio_prompt_tokens: 2 },
      { cachedInput: 8, cacheWrite: 2 },
    ],
    [
      { prompt_tokens: 10, cached_tokens: 6, cache_write_tokens: 3, audio_prompt_tokens: 2 },
      { cachedInput: 6, cacheWrite: 3, audioInput: 1 },
    ],
    [
      { completion_tokens: 10, reasoning_tokens: 9, audio_completion_tokens: 4 },
      { output: 6, audioOutput: 4 },
    ],
    [{ completion_tokens: 10, audio_completion_tokens: 40 }, { audioOutput: 10 }],
    [{ prompt_tokens: -1, completion_tokens: Number.NaN, cached_tokens: 5, audio_prompt_tokens: 0.5 }, {}],
  ];
  for (const [usage, parts] of rows)
    assert.deepEqual(partsOf({ ...none, ...usage }), { ...noParts, ...parts }, JSON.stringify(usage));
});

const anyCount = fc.oneof(fc.nat(100), fc.nat(2_000_000), fc.maxSafeNat());
const anyRate = fc.oneof(fc.nat(1000), fc.nat(1_000_000_000_000), fc.maxSafeNat());
const anyParts = fc.record(Object.fromEntries(tokenKinds.map((kind) => [kind, anyCount]))) as fc.Arbitrary<TokenParts>;
const anyRates = fc.record(
  Object.fromEntries(tokenKinds.map((kind) => [kind, fc.option(anyRate, { freq: 20 })])),
) as fc.Arbitrary<Rates>;

/** The exact cost in millionths of a nano-dollar, or null where a rate is missing. */
function exactly(parts: TokenParts, rates: Rates): bigint | null {
  let sum = 0n;
  for (const kind of tokenKinds) {
    const rate = rates[kind];
    if (parts[kind] > 0 && rate === null) return null;
    sum += BigInt(parts[kind]) * BigInt(rate ?? 0);
  }
  return sum;
}

test('the cost is exact, half a nano-dollar rounded up, or null', () => {
  fc.assert(
    fc.property(anyParts, anyRates, (parts, rates) => {
      const exact = exactly(parts, rates);
      const rounded = exact === null ? null : (exact + 500_000n) / 1_000_000n;
      const wanted = rounded === null || rounded > Number.MAX_SAFE_INTEGER ? null : Number(rounded);
      assert.equal(reckon(parts, rates), wanted);
    }),
    { numRuns: 2000 },
  );
});

test('one token more never costs less', () => {
  fc.assert(
    fc.property(anyParts, anyRates, fc.constantFrom(...tokenKinds), fc.nat(1000), (parts, rates, kind, more) => {
      const before = reckon(parts, rates);
      const after = reckon({ ...parts, [kind]: Math.min(parts[kind] + more, Number.MAX_SAFE_INTEGER) }, rates);
      if (before !== null && after !== null) assert.ok(after >= before, `${after} < ${before}`);
    }),
    { numRuns: 2000 },
  );
});
