// Going on with a value that is there, or is not there yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { soon } from './soon.ts';

const fail = (): never => {
  throw new Error('no');
};

test('what is there is gone on with at once', () => {
  assert.equal(
    soon(1, (one) => one + 1),
    2,
  );
  assert.throws(() => soon(1, fail), /no/u);
});

test('what is awaited is gone on with later', async () => {
  const later = soon(Promise.resolve(1), (one) => one + 1);
  assert.ok(later instanceof Promise);
  assert.equal(await later, 2);
  await assert.rejects(async () => soon(Promise.resolve(1), fail), /no/u);
  assert.equal(await soon(1, (one) => Promise.resolve(one)), 1);
});
