// Tests of the registry: whose rules a provider follows, and which models lead to which without a route.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTarget, type RoutingTable } from '../core/route.ts';
import { openai } from './openai/vendor.ts';
import { builtInProviders, modelPrefixes, otherVendor, vendorOf } from './registry.ts';

const table = {
  providers: new Map(builtInProviders.map(({ id }) => [id, { id, isActive: true, supportedModels: [] }])),
  routes: [],
} as unknown as RoutingTable;

test('a model of each family leads to its provider, and what is of no family leads nowhere', () => {
  const families = {
    openai:
      'gpt-4 gpt-5.6-sol GPT-4o-mini gpt-audio chatgpt-4o-latest codex-mini-latest o1 o1-pro o3-mini o4-mini-2025-04-16 ' +
      'computer-use-preview text-embedding-3-small text-embedding-ada-002 davinci-002 babbage-002 sora-2 tts-1 whisper-1 ' +
      'omni-moderation-latest text-moderation-stable dall-e-3 ft:gpt-4o-2024-08-06:acme::1 ' +
      'ft:o4-mini-2025-04-16:acme::1 ft:davinci-002:acme::1 ft:babbage-002:acme::1',
  };
  for (const [providerId, models] of Object.entries(families))
    for (const model of models.split(' '))
      assert.equal(findTarget(table, modelPrefixes, model)?.provider.id, providerId, model);
  for (const model of ['llama-3', 'my-gpt-4', 'claude', 'ft:llama', 'gpt', '__proto__'])
    assert.equal(findTarget(table, modelPrefixes, model), undefined, model);
});

test('a provider that is not in the table follows the rules of whoever speaks that format', () => {
  assert.equal(vendorOf('openai'), openai);
  for (const id of ['local', 'OpenAI', 'constructor', '__proto__', 'toString'])
    assert.equal(vendorOf(id), otherVendor, id);
});

test('of a server that speaks the format only what OpenAI says of its own models is taken over', () => {
  assert.equal(openai.outputLimitName, 'max_completion_tokens');
  assert.equal(otherVendor.outputLimitName, 'max_tokens');
  assert.equal(openai.sizeOf('not-listed').outputTokens, 16_384);
  assert.equal(otherVendor.sizeOf('not-listed').outputTokens, 4096);
  assert.deepEqual(otherVendor.sizeOf('gpt-4o'), openai.sizeOf('gpt-4o'));
});
