// Tests of what a request's attempts cost, each by the price in force when it began, and what a client is told of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Price, PriceList } from '../core/price.ts';
import type { AttemptRecord } from '../core/record.ts';
import { openPriceBook } from '../prices/book.ts';
import { attemptRecord, requestRecord } from '../../test/support/records.ts';
import { costToTell, priceRecord } from './price.ts';

const dayMs = 86_400_000;

/** A token costs so many nano-dollars, in or out, from this day of 1970 on. */
function price(id: string, nanoUsd: number, day: number, tier = 'default'): Price {
  const rate = nanoUsd * 1_000_000;
  const rates = { input: rate, cachedInput: rate, cacheWrite: rate, output: rate, audioInput: rate, audioOutput: rate };
  return { id, model: 'known', providerId: null, tier, fromMs: day * dayMs, rates, longContext: null };
}

const list: PriceList = {
  asOf: '1970-01-20',
  prices: [price('old', 10, 1), price('new', 100, 10), price('fast', 1000, 1, 'priority')],
  aliases: new Map(),
};
const book = openPriceBook(list);

const usage = {
  prompt_tokens: 2,
  completion_tokens: 1,
  total_tokens: 3,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};
const used = { usage, usageSource: 'upstream', serviceTier: null, costNanoUsd: null, priceId: null } as const;
const unused = { ...used, usage: null, usageSource: 'none' } as const;

function attempt(n: number, model: string, day: number, change: Partial<AttemptRecord> = {}): AttemptRecord {
  return attemptRecord(n, { model, startedAtMs: day * dayMs, ...used, ...change });
}

test('each attempt costs what its model cost in its tier when it began, and the request all of them', () => {
  const rows: readonly (readonly [attempts: AttemptRecord[], costs: unknown[], sum: number | null])[] = [
    [[attempt(1, 'known', 9)], ['old 30'], 30],
    [[attempt(1, 'known', 10)], ['new 300'], 300],
    [[attempt(1, 'known', 9), attempt(2, 'known', 10, { serviceTier: 'priority' })], ['old 30', 'fast 3000'], 3030],
    [[attempt(1, 'known', 9, unused), attempt(2, 'known', 9)], ['null null', 'old 30'], 30],
    [[attempt(1, 'nobody', 9), attempt(2, 'known', 9)], ['null null', 'old 30'], null],
    [[attempt(1, 'known', 0)], ['null null'], null],
  ];
  for (const [attempts, costs, sum] of rows) {
    const record = requestRecord('r', 0, { attempts });
    priceRecord(record, book);
    const found = attempts.map(({ priceId, costNanoUsd }) => `${priceId?.split('@')[0] ?? null} ${costNanoUsd}`);
    assert.deepEqual([found, record.costNanoUsd], [costs, sum]);
  }
});

test('a client is told what its answer cost with all attempts before it, and nothing where one is not known', () => {
  const report = { usage, rawUsage: null, serviceTier: null };
  const told = (...attempts: AttemptRecord[]): string | undefined =>
    costToTell(requestRecord('r', 0, { attempts }), report, book);
  const last = attempt(3, 'known', 9, unused);
  assert.equal(told(last), '0.00000003');
  assert.equal(told(attempt(1, 'known', 9), attempt(2, 'known', 10), last), '0.00000036');
  assert.equal(told(attempt(1, 'known', 9, unused), last), '0.00000003');
  assert.equal(told(attempt(1, 'nobody', 9), last), undefined);
  assert.equal(told(attempt(1, 'nobody', 9)), undefined);
  assert.equal(told(), undefined);
  assert.equal(costToTell(requestRecord('r', 0, { attempts: [last] }), { ...report, usage: null }, book), undefined);
  const fast = { ...report, serviceTier: 'priority' };
  assert.equal(costToTell(requestRecord('r', 0, { attempts: [last] }), fast, book), '0.000003');
});
