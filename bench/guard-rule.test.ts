// The guard fails for growth, not for noise.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdictOf } from './guard-rule.ts';

test('the best set counts, and in it the median', () => {
  const [verdict] = verdictOf(
    {
      request: [
        [9, 9, 9],
        [2.4, 2.5, 30],
        [2.6, 2.7, 2.8],
      ],
    },
    { request: 2 },
  );
  assert.equal(verdict?.ratio, 2.5);
  assert.equal(verdict?.isOver, false);
});

test('more than 25 % in every set is too much', () => {
  const [verdict] = verdictOf(
    {
      request: [
        [2.51, 2.51, 2.51],
        [2.6, 2.7, 2.8],
      ],
    },
    { request: 2 },
  );
  assert.equal(verdict?.isOver, true);
});

test('a number that is not recorded, or was not measured, does not pass', () => {
  assert.equal(verdictOf({ chunk: [[1]] }, {})[0]?.isOver, true);
  assert.equal(verdictOf({ chunk: [[Number.NaN]] }, { chunk: 2 })[0]?.isOver, true);
});
