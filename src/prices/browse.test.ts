// Which prices are shown, and which new price is held back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Price, PriceList, Rates } from '../core/price.ts';
import { openPriceBook } from './book.ts';
import { browse } from './browse.ts';
import { findSlip, usualPrice } from './plausible.ts';

const unknownRates: Rates = {
  input: null,
  cachedInput: null,
  cacheWrite: null,
  output: null,
  audioInput: null,
  audioOutput: null,
};

function price(id: string, model: string, rest: Partial<Price> = {}): Price {
  return {
    id,
    model,
    providerId: null,
    tier: 'default',
    fromMs: -Infinity,
    rates: unknownRates,
    longContext: null,
    ...rest,
  };
}

const list: PriceList = {
  asOf: '2026-01-01',
  prices: [
    price('list_large', 'large'),
    price('list_large_later', 'large', { fromMs: 100 }),
    price('list_large_flex', 'large', { tier: 'flex' }),
    price('list_large-mini', 'large-mini'),
    price('list_small', 'small'),
  ],
  aliases: new Map([['big', 'large']]),
};
const own = [
  price('own_a', 'large', { fromMs: 50 }),
  price('own_b', 'large', { providerId: 'p', fromMs: 60 }),
  price('own_c', 'medium', { fromMs: 70 }),
  price('own_rival_of_c', 'medium', { fromMs: 70 }),
  price('own_unreadable', 'small', { fromMs: Number.NaN }),
];

test('prices are found by model, provider and moment', () => {
  const rows: readonly (readonly [filter: Parameters<typeof browse>[2], ids: readonly string[]])[] = [
    [{ model: 'small' }, ['list_small', 'own_unreadable']],
    [{ model: 'small', atMs: 1000 }, ['list_small']],
    [{ model: 'BIG-2024-01-01', providerId: 'q' }, ['list_large', 'list_large_flex', 'list_large_later', 'own_a']],
    [{ model: 'large', atMs: 0 }, ['list_large', 'list_large_flex']],
    [{ model: 'large', atMs: 50 }, ['list_large_flex', 'own_a']],
    [{ model: 'large', atMs: 1000 }, ['list_large_flex', 'own_a', 'own_b']],
    [{ model: 'large', atMs: 1000, providerId: 'q' }, ['list_large_flex', 'own_a']],
    [{ model: 'medium', atMs: 1000 }, ['own_c']],
    [{ model: 'nobody' }, []],
  ];
  for (const [filter, ids] of rows)
    assert.deepEqual(
      browse(list, own, filter).map(({ id }) => id),
      ids,
      JSON.stringify(filter),
    );
  assert.equal(browse(list, own, {}).length, 10);
  assert.deepEqual(
    browse(list, [], { model: 'large', atMs: 100 }).map(({ id }) => id),
    ['list_large_flex', 'list_large_later'],
  );
});

test('a rate a hundred times off is a slip', () => {
  const rates = (input: number | null, output: number | null = null): Rates => ({ ...unknownRates, input, output });
  const rows: readonly (readonly [now: Rates, usual: Rates, kind: string | undefined])[] = [
    [rates(100), rates(1), 'input'],
    [rates(99), rates(1), undefined],
    [rates(1), rates(100), 'input'],
    [rates(1), rates(99), undefined],
    [rates(0), rates(1), 'input'],
    [rates(5), rates(0), undefined],
    [rates(0), rates(0), undefined],
    [rates(1, 1), rates(1, 1000), 'output'],
    [rates(null, 1), rates(1000, null), undefined],
  ];
  for (const [now, usual, kind] of rows)
    assert.equal(findSlip(now, usual)?.kind, kind, `${JSON.stringify(now)} ${JSON.stringify(usual)}`);
});

test('a new price is compared with the nearest that is known', () => {
  const book = openPriceBook(list, own.slice(0, 2));
  const rows: readonly (readonly [wanted: string | undefined, price: Price])[] = [
    ['list_large', price('x', 'large', { fromMs: 0 })],
    ['own_a', price('x', 'large', { fromMs: 100 })],
    ['own_b', price('x', 'large', { fromMs: 100, providerId: 'p' })],
    ['list_large_flex', price('x', 'large-2024-01-01', { fromMs: 0, tier: 'flex' })],
    ['list_large', price('x', 'large', { fromMs: 0, tier: 'priority' })],
    // Of one whose moment nobody can read yet, with the newest.
    ['own_a', price('x', 'large', { fromMs: Number.NaN })],
    ['list_large-mini', price('x', 'large-mini-deluxe', { fromMs: 0 })],
    ['list_large', price('x', 'large-deluxe', { fromMs: 0 })],
    [undefined, price('x', 'larger', { fromMs: 0 })],
  ];
  for (const [wanted, candidate] of rows)
    assert.equal(usualPrice(book, list, candidate)?.id, wanted, `${candidate.model} ${candidate.tier}`);
});
