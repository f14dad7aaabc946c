// What may be freed by hand: memory that is all one's own; and texts to bytes and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesIn, free, joinBytes, latin1In, TextBytes, utf8In } from './bytes.ts';

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

test('the bytes of a text are those of a buffer made of it, however the texts before were', () =>
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 40 })), fc.boolean(), (texts, isLong) => {
      const bytes = new TextBytes();
      for (const text of isLong ? texts.map((one) => one.repeat(1000)) : texts)
        assert.deepEqual(bytes.of(text), Buffer.from(text));
    }),
    { numRuns: 200 },
  ));

test('bytes are read as `toString` reads them', () =>
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(9), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      assert.equal(latin1In(bytes, from, bytes.length), Buffer.from(bytes).toString('latin1', from));
      assert.equal(utf8In(bytes, from, bytes.length), Buffer.from(bytes).toString('utf8', from));
    }),
  ));
