// When a worker that ended is started again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endsInRow, restartPauseMs } from './restart-pause.ts';

test('the pause grows with each end in a row, and not for ever', () => {
  const pauses = [1, 2, 3, 4, 8, 9, 1000].map(restartPauseMs);
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 30_000, 30_000, 30_000]);
});

test('who has served for a minute begins anew', () => {
  assert.equal(endsInRow(0, 0), 1);
  assert.equal(endsInRow(4, 59_999), 5);
  assert.equal(endsInRow(4, 60_000), 1);
});
