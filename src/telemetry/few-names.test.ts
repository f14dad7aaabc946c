// Labels of names that others choose.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FewNames } from './few-names.ts';

test('the first names are labels, and stay so; all others are one', () => {
  const names = new FewNames(2);
  const seen = ['a', 'b', 'c', 'a', 'd', 'b'].map((name) => names.of(name));
  assert.deepEqual(seen, ['a', 'b', 'other', 'a', 'other', 'b']);
});

test('neither a long name nor a key becomes a label', () => {
  const names = new FewNames(2);
  assert.equal(names.of('x'.repeat(101)), 'other');
  assert.equal(names.of('x'.repeat(100)), 'x'.repeat(100), 'the long one has taken no place');
  assert.equal(names.of('sk-test-key-000000000001'), '[secret]');
  assert.equal(names.of('third'), 'other');
});
