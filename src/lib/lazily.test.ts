// Tests of functions that are loaded at their first call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lazily } from './lazily.ts';

test('it is loaded once, at the first call, and called with what came', async () => {
  const seen: string[] = [];
  const greet = lazily(
    async () => {
      seen.push('loaded');
      return (name: string) => seen.push(name);
    },
    () => assert.fail('nothing fails'),
  );
  assert.deepEqual(seen, []);
  await Promise.all([greet('Ann'), greet('Ben')]);
  await greet('Cleo');
  assert.deepEqual(seen, ['loaded', 'Ann', 'Ben', 'Cleo']);
});

test('what could not be loaded is said, and tried again at the next call', async () => {
  const seen: string[] = [];
  let isThere = false;
  const greet = lazily(
    async () => {
      if (!isThere) throw new Error('no such file');
      return (name: string) => seen.push(name);
    },
    (error, name) => seen.push(`${(error as Error).message}: ${name}`),
  );
  await greet('Ann');
  isThere = true;
  await greet('Ben');
  assert.deepEqual(seen, ['no such file: Ann', 'Ben']);
});
