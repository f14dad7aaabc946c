// Under which names and tiers a price is looked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesOf } from './names.ts';
import { tiersOf } from './tiers.ts';

const aliases = new Map([
  ['big', 'large'],
  ['large-latest', 'large'],
  ['round', 'about'],
  ['about', 'round'],
]);

test('a name leads to its alias and its family, the nearest first', () => {
  const rows: readonly (readonly [model: string, names: readonly string[]])[] = [
    ['large', ['large']],
    ['Large', ['large']],
    ['', ['']],
    ['big', ['big', 'large']],
    ['large-2024-08-06', ['large-2024-08-06', 'large']],
    ['BIG-2024-08-06', ['big-2024-08-06', 'big', 'large']],
    ['large-preview-2024-12-17', ['large-preview-2024-12-17', 'large-preview']],
    ['large-0613', ['large-0613']],
    ['large-2024-08-06-x', ['large-2024-08-06-x']],
    ['ft:large', ['ft:large']],
    ['ft:large:acme::1', ['ft:large:acme::1', 'ft:large']],
    ['ft:large-2024-08-06:acme:x:1', ['ft:large-2024-08-06:acme:x:1', 'ft:large-2024-08-06', 'ft:large']],
    ['round', ['round', 'about']],
  ];
  for (const [model, names] of rows) assert.deepEqual(namesOf(model, aliases), names, model);
});

test('a tier is looked for under its own name, then under what it stands for', () => {
  const rows: readonly (readonly [serviceTier: string | null, tiers: readonly string[]])[] = [
    [null, ['default']],
    ['', ['default']],
    ['default', ['default']],
    ['Flex', ['flex']],
    ['batch', ['batch']],
    ['priority', ['priority']],
    ['fast', ['fast', 'priority']],
    ['auto', ['auto', 'default']],
    ['scale', ['scale', 'default']],
    ['on_demand', ['on_demand', 'default']],
    ['ultrafast', ['ultrafast']],
    ['constructor', ['constructor']],
  ];
  for (const [serviceTier, tiers] of rows) assert.deepEqual(tiersOf(serviceTier), tiers, String(serviceTier));
});
