// Tests what a request is held to have taken when it is over, and what while it goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPriceBook } from '../prices/book.ts';
import { listPrices } from '../providers/registry.ts';
import { costOf, costSoFar, takenBy, type PaidAttempt } from './settlement.ts';

const prices = openPriceBook(listPrices);

const usage = {
  prompt_tokens: 1000,
  completion_tokens: 500,
  total_tokens: 1500,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

/** An attempt of which $0.07 is reserved. By its usage it costs $0.06. */
function attempt(part: Partial<PaidAttempt>): PaidAttempt {
  return {
    providerId: 'openai',
    model: 'gpt-4',
    startedAtMs: Date.parse('2026-11-01'),
    status: 200,
    mayHaveReachedUpstream: true,
    usage,
    serviceTier: null,
    costNanoUsd: null,
    reservedNanoUsd: 70_000_000,
    ...part,
  };
}

const examples: readonly (readonly [what: string, part: Partial<PaidAttempt>, soFar: number, atLast: number])[] = [
  ['usage is priced', {}, 60_000_000, 60_000_000],
  ['a known cost stands', { costNanoUsd: 5 }, 5, 5],
  ['usage without a price costs what was reserved', { model: 'nobody-knows-it' }, 70_000_000, 70_000_000],
  ['an unpriced key reserves nothing', { model: 'nobody-knows-it', reservedNanoUsd: 0 }, 0, 0],
  ['an answer without usage may still be estimated', { usage: null }, 70_000_000, 0],
  ['one that was never answered too', { usage: null, status: null }, 70_000_000, 0],
  ['an error costs nothing', { usage: null, status: 500 }, 0, 0],
  ['what was never sent costs nothing', { usage: null, status: null, mayHaveReachedUpstream: false }, 0, 0],
];

for (const [what, part, soFar, atLast] of examples) {
  test(what, () => {
    assert.equal(costSoFar(attempt(part), prices), soFar);
    assert.equal(costOf(attempt(part), prices), atLast);
  });
}

test('a request takes what its attempts took together', () => {
  const unsent = attempt({ usage: null, status: null, mayHaveReachedUpstream: false });
  assert.deepEqual(takenBy([unsent], prices), { countsAsRequest: false, tokens: 0, nanoUsd: 0 });
  assert.deepEqual(takenBy([], prices), { countsAsRequest: false, tokens: 0, nanoUsd: 0 });
  const failed = attempt({ usage: null, status: 503 });
  assert.deepEqual(takenBy([unsent, failed], prices), { countsAsRequest: true, tokens: 0, nanoUsd: 0 });
  assert.deepEqual(takenBy([failed, attempt({}), attempt({})], prices), {
    countsAsRequest: true,
    tokens: 3000,
    nanoUsd: 120_000_000,
  });
});
