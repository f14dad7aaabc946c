// What a `usage` object says: zeros are zeros, absurd counts are none, and no form of it is an error.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { readReport, readUsage, sumUsage, type TokenUsage, type UsageSource } from './usage.ts';

function usage(counts: Partial<TokenUsage>): TokenUsage {
  const { prompt_tokens: prompt = 0, completion_tokens: completion = 0 } = counts;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    audio_prompt_tokens: 0,
    audio_completion_tokens: 0,
    ...counts,
  };
}

const objects: Readonly<Record<string, readonly [unknown, TokenUsage | undefined]>> = {
  'all of it': [
    {
      prompt_tokens: 100,
      completion_tokens: 50,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 40, cache_write_tokens: 10, audio_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 7, rejected_prediction_tokens: 2 },
    },
    usage({
      prompt_tokens: 100,
      completion_tokens: 50,
      cached_tokens: 40,
      cache_write_tokens: 10,
      reasoning_tokens: 30,
      audio_prompt_tokens: 5,
      audio_completion_tokens: 7,
    }),
  ],
  'explicit zeros': [{ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, usage({})],
  'embeddings, without a completion': [{ prompt_tokens: 8, total_tokens: 8 }, usage({ prompt_tokens: 8 })],
  'a completion that only the total tells': [
    { prompt_tokens: 8, total_tokens: 30, completion_tokens_details: { reasoning_tokens: 20 } },
    usage({ prompt_tokens: 8, completion_tokens: 22, reasoning_tokens: 20 }),
  ],
  'a prompt that only the total tells': [
    { prompt_tokens: '8', completion_tokens: 22, total_tokens: 30 },
    usage({ prompt_tokens: 8, completion_tokens: 22 }),
  ],
  'a total that is less than its part': [
    { prompt_tokens: 8, total_tokens: 3 },
    usage({ prompt_tokens: 8, total_tokens: 3 }),
  ],
  'a total that is more than its parts': [
    { prompt_tokens: 8, completion_tokens: 2, total_tokens: 15 },
    usage({ prompt_tokens: 8, completion_tokens: 2, total_tokens: 15 }),
  ],
  'no total': [{ prompt_tokens: 8, completion_tokens: 2 }, usage({ prompt_tokens: 8, completion_tokens: 2 })],
  'details that are null': [
    { prompt_tokens: 8, prompt_tokens_details: null, completion_tokens_details: 'x' },
    usage({ prompt_tokens: 8 }),
  ],
  'parts larger than their whole': [
    { prompt_tokens: 8, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 1e6, audio_tokens: -1 } },
    usage({ prompt_tokens: 8, completion_tokens: 3, cached_tokens: 8 }),
  ],
  'one absurd total': [{ prompt_tokens: 8, completion_tokens: 1e18 }, usage({ prompt_tokens: 8 })],
  'nothing but absurd totals': [{ prompt_tokens: -7, completion_tokens: 1e18, total_tokens: 'many' }, undefined],
  floats: [{ prompt_tokens: 1.5, completion_tokens: 2.5 }, undefined],
  strings: [{ prompt_tokens: '8', completion_tokens: '2' }, undefined],
  'only a total': [{ total_tokens: 8 }, undefined],
  empty: [{}, undefined],
  'a list': [[1, 2], undefined],
  null: [null, undefined],
  'a number': [5, undefined],
};

suite('a usage object with', () => {
  for (const [name, [value, expected]] of Object.entries(objects))
    test(name, () => assert.deepEqual(readUsage(value), expected));
});

test('no JSON at all breaks the reading, and no count of it is absurd', () => {
  fc.assert(
    fc.property(fc.json(), (rawUsage) => {
      const report = readReport({ rawUsage, serviceTier: rawUsage });
      for (const count of Object.values(report.usage ?? {})) assert.ok(Number.isInteger(count) && count >= 0);
    }),
  );
});

test('what is too long to be a report is not kept, though its counts are', () => {
  const rawUsage = JSON.stringify({ prompt_tokens: 1, note: 'x'.repeat(20_000) });
  const report = readReport({ rawUsage, serviceTier: 'x'.repeat(65) });
  assert.deepEqual(report, { usage: usage({ prompt_tokens: 1 }), rawUsage: null, serviceTier: null });
  const none = { usage: null, rawUsage: null, serviceTier: null };
  assert.deepEqual(readReport({ rawUsage: undefined, serviceTier: undefined }), none);
  assert.deepEqual(readReport({ rawUsage: '{"a', serviceTier: 'flex' }), {
    ...none,
    rawUsage: '{"a',
    serviceTier: 'flex',
  });
});

suite('a request used what its attempts used', () => {
  const part = (usageSource: UsageSource, tokens?: number): Parameters<typeof sumUsage>[0][number] => ({
    usage: tokens === undefined ? null : usage({ prompt_tokens: tokens, completion_tokens: 1, reasoning_tokens: 1 }),
    usageSource,
  });
  const cases: Readonly<Record<string, readonly [Parameters<typeof sumUsage>[0], TokenUsage | null, UsageSource]>> = {
    'no attempt': [[], null, 'none'],
    'an attempt that used nothing': [[part('none')], null, 'none'],
    'one reported': [
      [part('none'), part('upstream', 3)],
      usage({ prompt_tokens: 3, completion_tokens: 1, reasoning_tokens: 1 }),
      'upstream',
    ],
    'one reported, one estimated': [
      [part('estimated', 4), part('none'), part('upstream', 3)],
      usage({ prompt_tokens: 7, completion_tokens: 2, reasoning_tokens: 2 }),
      'estimated',
    ],
  };
  for (const [name, [parts, expected, source]] of Object.entries(cases))
    test(name, () => assert.deepEqual(sumUsage(parts), { usage: expected, usageSource: source }));
});
