// Models and their vocabularies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodingOf, knownEncodingOf } from './encodings.ts';

const models = {
  o200k_base: [
    'gpt-4o',
    'gpt-4o-mini-2024-07-18',
    'gpt-4.1',
    'gpt-4.5-preview',
    'gpt-5',
    'o3',
    'ft:gpt-4o:org::id',
    'x',
    '',
  ],
  cl100k_base: [
    'gpt-4',
    'gpt-4-turbo',
    'gpt-3.5-turbo-instruct',
    'text-embedding-3-small',
    'davinci-002',
    'ft:gpt-3.5-turbo:org::id',
    'openai/gpt-4',
    'GPT-4',
  ],
};

for (const [encoding, names] of Object.entries(models))
  for (const name of names) test(`"${name}" counts with ${encoding}`, () => assert.equal(encodingOf(name), encoding));

test('of models that others make it says so: their vocabulary may have more tokens for the same text', () => {
  for (const name of ['x', '', 'llama-3.1-70b', 'mistral/mixtral-8x7b', 'gpt-j-6b', 'o', 'openai/'])
    assert.equal(knownEncodingOf(name), undefined, name);
  for (const name of ['gpt-5.6', 'chatgpt-4o-latest', 'codex-mini-latest', 'o1', 'o3-pro', 'ft:o4-mini:org::id'])
    assert.equal(knownEncodingOf(name), 'o200k_base', name);
});
