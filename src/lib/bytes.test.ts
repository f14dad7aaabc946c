// What may be freed by hand: memory that is all one's own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesIn, free, joinBytes } from './bytes.ts';

test('only memory that nobody else has a part of is freed', () => {
  const rows: readonly (readonly [what: string, piece: Uint8Array, isFreed: boolean])[] = [
    ['all of its memory', Buffer.alloc(8192), true],
    ['a part of more', Buffer.alloc(8192).subarray(1), false],
    ['of the pool', Buffer.from('x'.repeat(2000)), false],
    ['small', Buffer.allocUnsafeSlow(100), false],
    ['shared between threads', new Uint8Array(new SharedArrayBuffer(8192)), false],
  ];
  for (const [what, piece, isFreed] of rows) {
    const before = piece.length;
    free(piece);
    free(piece);
    assert.equal(piece.length, isFreed ? 0 : before, what);
  }
});

test('pieces are joined in order', () => {
  const pieces = ['ab', '', 'c'].map((text) => Buffer.from(text));
  assert.equal(bytesIn(pieces), 3);
  assert.equal(joinBytes(pieces).toString(), 'abc');
});
