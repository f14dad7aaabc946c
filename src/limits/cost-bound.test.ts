// Tests that no call ever costs more than its bound, whatever its usage turns out to be, by the real prices.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openPriceBook } from '../prices/book.ts';
import { listPrices } from '../providers/registry.ts';
import { costBoundOf, costWith, tokensFor, type LargestCall } from './cost-bound.ts';

const prices = openPriceBook(listPrices);
const atMs = Date.parse('2026-11-01');
const models = [...new Set(listPrices.prices.map(({ model }) => model))];

function call(part: Partial<LargestCall>): LargestCall {
  return {
    providerId: 'openai',
    model: 'gpt-4',
    tiers: [null],
    promptTokens: 0,
    audioPromptTokens: 0,
    mayAnswerInSound: false,
    atMs,
    ...part,
  };
}

/** Often none: a kind that has no rate at a model would leave the whole call without a cost. */
const share = fc.oneof(fc.constantFrom(0, 0, 1), fc.double({ min: 0, max: 1, noNaN: true }));

test('no usage within the bounds costs more than the bound', () => {
  const cases = fc.record({
    model: fc.constantFrom(...models),
    tier: fc.constantFrom(null, 'default', 'priority', 'flex'),
    promptTokens: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 1_000_000 })),
    outputTokens: fc.integer({ min: 0, max: 200_000 }),
    sound: fc.boolean(),
    used: fc.tuple(share, share, share, share, share, share),
  });
  fc.assert(
    fc.property(
      cases,
      ({ model, tier, promptTokens, outputTokens, sound, used: [p, o, cached, written, heard, said] }) => {
        const bound = costBoundOf(
          prices,
          call({
            model,
            tiers: [null, tier],
            promptTokens,
            audioPromptTokens: sound ? promptTokens : 0,
            mayAnswerInSound: sound,
          }),
        );
        if (bound === null) return;
        const prompt = Math.floor(promptTokens * p);
        const completion = Math.floor(outputTokens * o);
        const usage = {
          prompt_tokens: prompt,
          completion_tokens: completion,
          total_tokens: prompt + completion,
          cached_tokens: Math.floor(prompt * cached),
          cache_write_tokens: Math.floor(prompt * written),
          reasoning_tokens: 0,
          audio_prompt_tokens: sound ? Math.floor(prompt * heard) : 0,
          audio_completion_tokens: sound ? Math.floor(completion * said) : 0,
        };
        for (const serviceTier of [null, tier]) {
          const cost = prices.cost({ providerId: 'openai', model, serviceTier, usage, atMs });
          if (cost !== null) assert.ok(cost.nanoUsd <= costWith(bound, outputTokens), `${cost.nanoUsd}`);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('a bound is no larger than it has to be', () => {
  // gpt-4: $30 and $60 for a million tokens.
  const bound = costBoundOf(prices, call({ promptTokens: 1000 }));
  assert.ok(bound !== null);
  assert.equal(costWith(bound, 500), 30_000_000 + 30_000_000 + 1);
  assert.equal(tokensFor(bound, 30_000_000), 500);
  assert.equal(tokensFor(bound, -1), 0);
  assert.equal(tokensFor(bound, 30_059_999), 500);
  assert.equal(tokensFor({ outputRate: 0 }, 1), Number.MAX_SAFE_INTEGER);
  // gpt-audio: $2.50 for text, $32 for sound; what is sound is no text.
  const heard = (audioPromptTokens: number): number | undefined =>
    costBoundOf(prices, call({ model: 'gpt-audio', promptTokens: 1000, audioPromptTokens }))?.promptNanoUsd;
  assert.equal(heard(400), 600 * 2500 + 400 * 32_000);
  assert.equal(heard(5000), 1000 * 32_000);
});

test('the dearest tier counts, and one without a price makes the whole unknown', () => {
  const costIn = (...tiers: (string | null)[]): number | null => {
    const bound = costBoundOf(prices, call({ model: 'gpt-4o', tiers, promptTokens: 1_000_000 }));
    return bound === null ? null : bound.promptNanoUsd;
  };
  assert.equal(costIn(null), 2_500_000_000);
  assert.equal(costIn(null, 'flex') ?? 2_500_000_000, 2_500_000_000);
  assert.equal(costIn(null, 'priority'), 4_250_000_000);
  assert.equal(costIn(null, 'warp'), null);
  assert.equal(costBoundOf(prices, call({ model: 'nobody-knows-it' })), null);
});

test('a prompt that may be long is priced as a long one', () => {
  const rate = (promptTokens: number): number | undefined =>
    costBoundOf(prices, call({ model: 'gpt-5.4', promptTokens }))?.outputRate;
  assert.equal(rate(271_999), 15_000_000_000);
  assert.equal(rate(272_000), 22_500_000_000);
});
