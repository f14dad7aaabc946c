// Which price is in force: the administrator's before the list's, the nearest name first, each from its own date on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Price, PriceBook, PricedCall, PriceList, Rates } from '../core/price.ts';
import { listPrices } from '../providers/registry.ts';
import { openPriceBook } from './book.ts';

const unknownRates: Rates = {
  input: null,
  cachedInput: null,
  cacheWrite: null,
  output: null,
  audioInput: null,
  audioOutput: null,
};

/** A price whose input costs `input` nano-dollars a token. */
function price(id: string, model: string, input: number, rest: Partial<Price> = {}): Price {
  return {
    id,
    model,
    providerId: null,
    tier: 'default',
    fromMs: -Infinity,
    rates: { ...unknownRates, input: input * 1_000_000 },
    longContext: null,
    ...rest,
  };
}

const list: PriceList = {
  asOf: '2026-01-01',
  prices: [
    price('large', 'large', 10),
    price('large-later', 'large', 8, { fromMs: 1000 }),
    price('large-flex', 'large', 5, { tier: 'flex' }),
    price('large-old', 'large-2020-01-01', 20),
    price('small', 'small', 1),
    price('small-priority', 'small', 2, { tier: 'priority' }),
  ],
  aliases: new Map([['big', 'large']]),
};

function inForce(
  book: PriceBook,
  model: string,
  atMs = 0,
  serviceTier: string | null = null,
  providerId = 'p',
): string {
  return book.priceOf({ providerId, model, serviceTier, atMs })?.id ?? 'none';
}

test('the list alone: dates, tiers, aliases and families', () => {
  const book = openPriceBook(list);
  const rows: readonly (readonly [wanted: string, model: string, atMs?: number, serviceTier?: string | null])[] = [
    ['large', 'large', 0],
    ['large', 'large', 999],
    ['large-later', 'large', 1000],
    ['large-later', 'big', 5000],
    ['large-later', 'BIG-2024-01-01', 5000],
    ['large', 'large-2021-01-01', 0],
    ['large-old', 'large-2020-01-01', 5000],
    ['large-flex', 'large', 0, 'flex'],
    ['large-flex', 'large-2021-01-01', 0, 'flex'],
    ...['', 'auto', 'standard', 'on_demand', 'scale', 'Default'].map((tier) => ['large', 'large', 0, tier] as const),
    ['small-priority', 'small', 0, 'fast'],
    ['none', 'large', 0, 'priority'],
    // The list names this very snapshot: what its family costs in flex says nothing of it.
    ['none', 'large-2020-01-01', 0, 'flex'],
    ['none', 'medium', 0],
    ['none', 'ft:large:acme::1', 0],
    ['none', '__proto__', 0],
    ['none', 'constructor', 0],
  ];
  for (const [wanted, model, atMs = 0, tier = null] of rows)
    assert.equal(inForce(book, model, atMs, tier), wanted, `${model} ${atMs} ${tier}`);
});

test("the administrator's prices win from their own date on, for one provider before all", () => {
  const book = openPriceBook(list, [
    price('own', 'large', 7, { fromMs: 500 }),
    price('own-later', 'large', 6, { fromMs: 2000 }),
    price('own-of-p', 'large', 5, { fromMs: 1500, providerId: 'p' }),
    price('own-flex', 'large', 5, { tier: 'flex', fromMs: 500 }),
    price('own-snapshot', 'large-2021-01-01', 3, { fromMs: 500 }),
    price('own-tune', 'ft:large', 30),
    price('own-tuned', 'ft:large:acme::1', 31),
    price('own-scale', 'large', 0, { tier: 'scale' }),
    price('own-new', 'medium', 4, { fromMs: 500 }),
  ]);
  const rows: readonly (readonly [
    wanted: string,
    model: string,
    atMs: number,
    tier?: string | null,
    provider?: string,
  ])[] = [
    ['large', 'large', 499],
    ['own', 'large', 500],
    ['own', 'large', 1499],
    ['own-of-p', 'large', 1500],
    ['own', 'large', 1500, null, 'q'],
    ['own-of-p', 'large', 3000],
    ['own-later', 'large', 3000, null, 'q'],
    ['own-of-p', 'big', 3000],
    ['own-flex', 'large', 3000, 'flex'],
    ['large-flex', 'large', 0, 'flex'],
    // The snapshot's own price stands nearer than its family's, in the tier that it is for.
    ['own-snapshot', 'large-2021-01-01', 3000],
    ['own-flex', 'large-2021-01-01', 3000, 'flex'],
    ['large', 'large-2021-01-01', 0],
    ['large-old', 'large-2020-01-01', 3000],
    ['own-tuned', 'ft:large:acme::1', 0],
    ['own-tune', 'ft:large-2024-01-01:acme::2', 0],
    ['own-scale', 'large', 3000, 'scale'],
    ['none', 'medium', 499],
    ['own-new', 'Medium', 500],
  ];
  for (const [wanted, model, atMs, tier = null, provider = 'p'] of rows)
    assert.equal(inForce(book, model, atMs, tier, provider), wanted, `${model} ${atMs} ${tier} ${provider}`);
});

test('of prices that begin at one moment the first counts, and one whose moment nobody can read never does', () => {
  const moments = [300, Number.NaN, 100, 200, Number.NaN, 300, 100];
  const book = openPriceBook(
    list,
    moments.map((fromMs, n) => price(`own-${n}`, 'medium', n, { fromMs })),
  );
  const found = [0, 100, 200, 300, 400].map((atMs) => inForce(book, 'medium', atMs));
  assert.deepEqual(found, ['none', 'own-2', 'own-3', 'own-0', 'own-0']);
});

const usage = {
  prompt_tokens: 10,
  completion_tokens: 0,
  total_tokens: 10,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

test('the price id tells versions of one price apart, and equal ones not', () => {
  const idOf = (own: Price): string | undefined =>
    openPriceBook(list, [own]).cost({ providerId: 'p', model: 'x', serviceTier: null, usage, atMs: 5 })?.priceId;
  const first = idOf(price('pr_1', 'x', 7));
  assert.match(first ?? '', /^pr_1@[0-9a-f]{8}$/u);
  assert.equal(idOf(price('pr_1', 'x', 7)), first);
  const others = [
    price('pr_1', 'x', 8),
    price('pr_1', 'x', 7, { fromMs: 1 }),
    price('pr_1', 'x', 7, { longContext: { overTokens: 9, rates: { ...unknownRates, input: 1 } } }),
    price('pr_1', 'x', 7, { longContext: { overTokens: 8, rates: { ...unknownRates, input: 1 } } }),
    price('pr_2', 'x', 7),
  ].map(idOf);
  assert.equal(new Set([first, ...others]).size, others.length + 1);
});

test('thousands of made-up names have no price and disturb no other', () => {
  const book = openPriceBook(list);
  for (let i = 0; i < 5000; i += 1)
    assert.equal(book.cost({ providerId: 'p', model: `bogus-${i}`, serviceTier: null, usage, atMs: 0 }), null);
  assert.equal(inForce(book, 'large'), 'large');
});

const anyCall: fc.Arbitrary<PricedCall> = fc.record({
  providerId: fc.constantFrom('openai', 'p'),
  model: fc.constantFrom(...new Set(listPrices.prices.map(({ model }) => model)), 'nobody', 'gpt-4o-2024-08-06'),
  serviceTier: fc.constantFrom(null, 'default', 'flex', 'batch', 'priority', 'scale', 'nonsense'),
  usage: fc.record({
    prompt_tokens: fc.nat(1_000_000),
    completion_tokens: fc.nat(200_000),
    total_tokens: fc.nat(),
    cached_tokens: fc.nat(1_000_000),
    cache_write_tokens: fc.nat(100_000),
    reasoning_tokens: fc.nat(200_000),
    audio_prompt_tokens: fc.nat(100_000),
    audio_completion_tokens: fc.nat(100_000),
  }),
  atMs: fc.integer({ min: Date.UTC(2025, 0), max: Date.UTC(2027, 0) }),
});

test('real prices: pricing twice is the same, and more tokens never lower the cost', () => {
  const book = openPriceBook(listPrices);
  fc.assert(
    fc.property(anyCall, fc.nat(1000), (call, more) => {
      const cost = book.cost(call);
      assert.deepEqual(openPriceBook(listPrices).cost(call), cost);
      if (cost === null) return;
      const { completion_tokens: completion, prompt_tokens: prompt } = call.usage;
      const longer = book.cost({ ...call, usage: { ...call.usage, completion_tokens: completion + more } });
      if (longer !== null) assert.ok(longer.nanoUsd >= cost.nanoUsd);
      const larger = book.cost({ ...call, usage: { ...call.usage, prompt_tokens: prompt + more } });
      if (larger !== null) assert.ok(larger.nanoUsd >= cost.nanoUsd);
    }),
    { numRuns: 300 },
  );
});

test('the list is whole: every price has a model, a tier and a rate or says that there is none', () => {
  assert.ok(listPrices.prices.length > 150);
  assert.equal(new Set(listPrices.prices.map(({ id }) => id)).size, listPrices.prices.length);
  const models = new Set(listPrices.prices.map(({ model }) => model));
  for (const { id, model, tier, fromMs, rates } of listPrices.prices) {
    assert.ok(model !== '' && model === model.toLowerCase() && !Number.isNaN(fromMs), id);
    assert.ok(['default', 'flex', 'batch', 'priority'].includes(tier), id);
    assert.ok(rates.input !== null && rates.input > 0, id);
  }
  for (const [name, model] of listPrices.aliases) assert.ok(models.has(model) && !models.has(name), name);
});
