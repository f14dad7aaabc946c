// The golden file: usage objects with prices reckoned by hand, each of which must come out to the nano-dollar.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PricedCall } from '../core/price.ts';
import { readUsage } from '../core/usage.ts';
import { listPrices } from '../providers/registry.ts';
import { openPriceBook } from './book.ts';
import { partsOf } from './reckon.ts';

interface PricedUsage {
  readonly name: string;
  readonly model: string;
  readonly service_tier: string | null;
  readonly at: string;
  readonly provider?: string;
  readonly usage: unknown;
  /** `tokens * nano-dollars for one token + …`; null where no price is known. */
  readonly arithmetic: string | null;
  readonly nano_usd: number | null;
}

const fixture = new URL('../../test/fixtures/priced-usages.json', import.meta.url);
const golden = JSON.parse(readFileSync(fixture, 'utf8')) as readonly PricedUsage[];
const book = openPriceBook(listPrices);

function callOf(row: PricedUsage): PricedCall {
  const usage = readUsage(row.usage);
  assert.ok(usage, row.name);
  return {
    providerId: row.provider ?? 'openai',
    model: row.model,
    serviceTier: row.service_tier,
    usage,
    atMs: Date.parse(row.at),
  };
}

/** The value of the arithmetic in halves of a nano-dollar, without any of the code under test. */
function halvesOf(arithmetic: string): bigint {
  return arithmetic.split(' + ').reduce((sum, term) => {
    const [tokens = '', rate = ''] = term.split(' * ');
    return sum + BigInt(tokens) * BigInt(Number(rate) * 2);
  }, 0n);
}

test('the golden file is large, and its arithmetic is right', () => {
  assert.ok(golden.length >= 60, `${golden.length} rows`);
  assert.equal(new Set(golden.map(({ name }) => name)).size, golden.length);
  for (const { name, arithmetic, nano_usd: nanoUsd } of golden) {
    assert.equal(arithmetic === null ? null : Number((halvesOf(arithmetic) + 1n) / 2n), nanoUsd, name);
  }
});

test('every price of the golden file comes out to the nano-dollar', () => {
  for (const row of golden) assert.equal(book.cost(callOf(row))?.nanoUsd ?? null, row.nano_usd, row.name);
});

test('the parts of every usage are all of its tokens, each counted once', () => {
  for (const row of golden) {
    const { usage } = callOf(row);
    const { input, cachedInput, cacheWrite, audioInput, output, audioOutput } = partsOf(usage);
    assert.equal(input + cachedInput + cacheWrite + audioInput, usage.prompt_tokens, row.name);
    assert.equal(output + audioOutput, usage.completion_tokens, row.name);
  }
});

test('a book that has priced all of it prices it the same again', () => {
  for (const row of golden.toReversed()) assert.equal(book.cost(callOf(row))?.nanoUsd ?? null, row.nano_usd, row.name);
});
