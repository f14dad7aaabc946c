// The cost of a request from those of its attempts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sumOfCosts, unpricedTokens } from './price.ts';

test('a request costs what its attempts cost, unless one that used tokens has no price', () => {
  const rows: readonly (readonly [attempts: Parameters<typeof sumOfCosts>[0], sum: number | null])[] = [
    [[], 0],
    [[{ usageSource: 'upstream', costNanoUsd: 5 }], 5],
    [
      [
        { usageSource: 'none', costNanoUsd: null },
        { usageSource: 'upstream', costNanoUsd: 5 },
        { usageSource: 'estimated', costNanoUsd: 7 },
      ],
      12,
    ],
    [
      [
        { usageSource: 'estimated', costNanoUsd: null },
        { usageSource: 'upstream', costNanoUsd: 5 },
      ],
      null,
    ],
    [[{ usageSource: 'none', costNanoUsd: null }], 0],
  ];
  for (const [attempts, sum] of rows) assert.equal(sumOfCosts(attempts), sum, JSON.stringify(attempts));
});

test('tokens without a price are counted, and none twice', () => {
  const usage = {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    cached_tokens: 4,
    cache_write_tokens: 0,
    reasoning_tokens: 2,
    audio_prompt_tokens: 0,
    audio_completion_tokens: 0,
  };
  assert.equal(unpricedTokens({ usage, costNanoUsd: null }), 15);
  assert.equal(unpricedTokens({ usage, costNanoUsd: 0 }), 0);
  assert.equal(unpricedTokens({ usage: null, costNanoUsd: null }), 0);
});
