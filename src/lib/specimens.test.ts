// What is kept for the sake of optimized code: the newest of each kind, and nothing older.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { thisThread } from './collect-at-rest.ts';
import { Specimens } from './specimens.ts';

test('the newest of each kind outlives a collection, the one before it does not', async () => {
  const specimens = new Specimens();
  const keep = (kind: string): WeakRef<object> => {
    const specimen = { kind };
    specimens.keep(kind, specimen);
    return new WeakRef(specimen);
  };
  const older = keep('stream');
  const newer = keep('stream');
  const other = keep('whole answer');
  // A weak reference holds on to what it was made for until the turn is over.
  await turn();
  thisThread.collect();
  assert.equal(older.deref(), undefined);
  assert.deepEqual(newer.deref(), { kind: 'stream' });
  assert.deepEqual(other.deref(), { kind: 'whole answer' });
  specimens.keep('end', {});
});
