// Tests of what the configuration in force says of rows that SQL has written so that they lead nowhere, or cannot be meant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigurationRows, PriceRow, ProviderRow, RouteRow } from '../storage/storage.ts';
import { buildConfiguration } from './snapshot.ts';

const noVault = { unseal: () => assert.fail('there is no account') };
const noRows: ConfigurationRows = { revision: 1, providers: [], accounts: [], routes: [], prices: [], problems: [] };

test('a route that SQL has led to a provider that is not there stays, and is named', () => {
  const route = (id: string, providerId: string, ...fallbacks: string[]): RouteRow => ({
    id,
    pattern: id,
    provider_id: providerId,
    model: null,
    fallbacks: fallbacks.map((to) => ({ provider_id: to })),
  });
  const routes = [route('good', 'openai', 'openai'), route('lost', 'gone'), route('half', 'openai', 'openai', 'away')];
  const configuration = buildConfiguration({ ...noRows, routes }, noVault);
  assert.deepEqual(configuration.problems, [
    'route "lost" leads to an unknown provider "gone"',
    'route "half" falls back to an unknown provider "away"',
  ]);
  assert.deepEqual(configuration.routes.map(({ id }) => id).sort(), ['good', 'half', 'lost']);
});

test('a provider whose id no header can hold is left out: every answer names its provider in one', () => {
  const provider = (id: string): ProviderRow => ({
    id,
    name: 'Local',
    base_url: 'http://127.0.0.1:11434',
    auth_type: 'api_key',
    auth_strategy: 'api_key',
    supported_models: [],
    is_active: true,
    config: {},
  });
  const providers = ['local', 'Big Co', 'lokal-漢', 'two\nlines'].map(provider);
  const configuration = buildConfiguration({ ...noRows, providers }, noVault);
  assert.deepEqual([...configuration.providers.keys()].sort(), ['Big Co', 'local', 'openai']);
  assert.deepEqual(configuration.problems, [
    'provider "lokal-漢" has an id that no header can hold; use lower-case letters, digits, "-" and "_"',
    'provider "two\\nlines" has an id that no header can hold; use lower-case letters, digits, "-" and "_"',
  ]);
});

test('prices that begin at one moment in two spellings: the first counts, and the others are named', () => {
  const price = (id: string, effective_from: string, tier = 'default'): PriceRow => ({
    ...({} as PriceRow),
    id,
    model: 'gpt-4',
    provider_id: null,
    tier,
    effective_from,
    input_nano_usd: 1_000_000,
    output_nano_usd: null,
    long_over_tokens: null,
  });
  const prices = [
    price('a', '2026-01-31'),
    price('b', '2026-01-31T00:00:00Z'),
    price('c', '2026-01-31T01:00:00+01:00'),
    price('d', '2026-01-31', 'flex'),
    price('e', '2026-02-01'),
  ];
  const configuration = buildConfiguration({ ...noRows, prices }, noVault);
  const call = { providerId: 'openai', model: 'gpt-4', serviceTier: null, atMs: Date.UTC(2026, 0, 31, 12) };
  assert.equal(configuration.prices.priceOf(call)?.id, 'a');
  assert.deepEqual(configuration.problems, [
    'price "b" begins at the same moment as price "a", which counts',
    'price "c" begins at the same moment as price "a", which counts',
  ]);
});
