// Tests of what the configuration in force says of rows that lead nowhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteRow } from '../storage/storage.ts';
import { buildConfiguration } from './snapshot.ts';

const noVault = { unseal: () => assert.fail('there is no account') };

test('a route that SQL has led to a provider that is not there stays, and is named', () => {
  const route = (id: string, providerId: string, ...fallbacks: string[]): RouteRow => ({
    id,
    pattern: id,
    provider_id: providerId,
    model: null,
    fallbacks: fallbacks.map((to) => ({ provider_id: to })),
  });
  const routes = [route('good', 'openai', 'openai'), route('lost', 'gone'), route('half', 'openai', 'openai', 'away')];
  const rows = { revision: 1, providers: [], accounts: [], routes, prices: [], problems: [] };
  const configuration = buildConfiguration(rows, noVault);
  assert.deepEqual(configuration.problems, [
    'route "lost" leads to an unknown provider "gone"',
    'route "half" falls back to an unknown provider "away"',
  ]);
  assert.deepEqual(configuration.routes.map(({ id }) => id).sort(), ['good', 'half', 'lost']);
});
