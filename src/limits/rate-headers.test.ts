// Tests the headers that tell how a key's own limits stand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitedKey } from '../../test/support/client-key.ts';
import type { Standing } from '../shared-state/limit-state.ts';
import { addRateHeaders, hiddenRateHeaders, type LimitedRates } from './rate-headers.ts';

const standing = { requests: { used: 3, resetMs: 59_500 }, tokens: { used: 120_000, resetMs: 350 } };

function rateHeaders(rates: LimitedRates, standingOf: () => Standing): string[] {
  const list: string[] = [];
  addRateHeaders(list, rates, standingOf);
  return list;
}

test("a key's limits are told in OpenAI's spelling, and only those that it has", () => {
  const told = rateHeaders(limitedKey({ rpm: 60, tpm: 100_000 }), () => standing);
  assert.equal(
    told.join(' '),
    'x-ratelimit-limit-requests 60 x-ratelimit-remaining-requests 57 x-ratelimit-reset-requests 59.5s ' +
      'x-ratelimit-limit-tokens 100000 x-ratelimit-remaining-tokens 0 x-ratelimit-reset-tokens 350ms',
  );
  const onlyTokens = rateHeaders(limitedKey({ tpm: 150_000 }), () => standing);
  assert.deepEqual(onlyTokens.slice(0, 4), [
    'x-ratelimit-limit-tokens',
    '150000',
    'x-ratelimit-remaining-tokens',
    '30000',
  ]);
  assert.equal(onlyTokens.length, 6);
  const untold = (): never => assert.fail('nothing is asked for');
  assert.deepEqual(rateHeaders(limitedKey({ maxConcurrency: 1 }), untold), []);
  assert.deepEqual(rateHeaders(limitedKey({ rpm: 1, limitsMode: 'shadow' }), untold), []);
});

test("the account's own limits are hidden where the key has them, and nowhere else", () => {
  const hidden = (part: Parameters<typeof limitedKey>[0]): number => hiddenRateHeaders(limitedKey(part)).length;
  assert.deepEqual([hidden({}), hidden({ rpm: 1 }), hidden({ rpm: 1, tpm: 1 })], [0, 3, 6]);
  assert.equal(hidden({ rpm: 1, tpm: 1, limitsMode: 'shadow' }), 0);
  assert.ok(hiddenRateHeaders(limitedKey({ tpm: 1 })).every((name) => name.endsWith('-tokens')));
});
