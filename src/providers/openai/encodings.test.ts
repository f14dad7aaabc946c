// Models and their vocabularies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodingOf } from './encodings.ts';

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
  ],
};

for (const [encoding, names] of Object.entries(models))
  for (const name of names) test(`"${name}" counts with ${encoding}`, () => assert.equal(encodingOf(name), encoding));
