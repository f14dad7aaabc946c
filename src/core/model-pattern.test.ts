// Which pattern wins where a model fits several.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePatterns, matchesModel } from './model-pattern.ts';

test('the longest match comes first, and an exact name before every pattern', () => {
  const ordered = ['gpt-4-turbo', 'gpt-4-t*', 'gpt-4*o', 'gpt-4', 'gpt-4*', '*gpt-4*', 'gpt-*', '*'];
  for (const [i, first] of ordered.entries()) {
    for (const second of ordered.slice(i + 1))
      assert.ok(comparePatterns(first, second) < 0, `${first} before ${second}`);
  }
  assert.deepEqual(ordered.toReversed().toSorted(comparePatterns), ordered);
  assert.equal(
    ordered.find((pattern) => matchesModel(pattern, 'GPT-4')),
    'gpt-4',
  );
});
