// Tests that pieces of every size are framed as chunks that a reader can take apart, and are never changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, chunkIn, pieceIn, roomWith } from './answer-bytes.ts';

const sizes = [...Array.from({ length: 300 }, (_, n) => n + 1), 4095, 4096, 4097, 16_383, 16_384, 16_385, 0xabcdef];

/** The piece of this size, of bytes that are all different from those around them. */
const pieceOf = (size: number): Buffer => Buffer.from(Array.from({ length: Math.min(size, 251) }, (_, n) => n % 251));
const filled = (size: number): Buffer => Buffer.alloc(size, pieceOf(size));

test('a piece is framed where it stands', () => {
  for (const size of sizes) {
    for (const isBehind of [false, true]) {
      const piece = filled(size);
      assert.ok(pieceIn(roomWith(piece, isBehind)).equals(piece));
      for (const isLast of [false, true]) {
        const framed = Buffer.concat([
          Buffer.from(`${size.toString(16)}\r\n`),
          piece,
          Buffer.from(isLast ? '\r\n0\r\n\r\n' : '\r\n'),
        ]);
        assert.ok(chunkIn(roomWith(piece, isBehind), isLast).equals(framed), `${size} bytes`);
      }
    }
  }
});

test('pieces are one chunk together, with the head before it', () => {
  const head = 'HTTP/1.1 200 OK\r\n\r\n';
  for (const size of sizes) {
    const pieces = [filled(size), Buffer.from('b')];
    const body = Buffer.concat(pieces);
    const joined = (isChunked: boolean, isLast: boolean): Buffer =>
      Buffer.concat(bytesOf({ head, pieces, isChunked, isLast }, false));
    const chunk = Buffer.concat([Buffer.from(`${(size + 1).toString(16)}\r\n`), body, Buffer.from('\r\n')]);
    assert.ok(joined(false, true).equals(Buffer.concat([Buffer.from(head), body])), `${size} bytes`);
    assert.ok(joined(true, false).equals(Buffer.concat([Buffer.from(head), chunk])), `${size} bytes`);
    const end = Buffer.from('0\r\n\r\n');
    assert.ok(joined(true, true).equals(Buffer.concat([Buffer.from(head), chunk, end])), `${size} bytes`);
  }
});

test('nothing to send is no piece, and the end of chunks is one', () => {
  const none = { head: '', pieces: [], isChunked: true } as const;
  assert.deepEqual(bytesOf({ ...none, isLast: false }, false), []);
  assert.deepEqual(bytesOf({ ...none, isChunked: false, isLast: true }, false), []);
  assert.equal(Buffer.concat(bytesOf({ ...none, isLast: true }, false)).toString(), '0\r\n\r\n');
  const large = bytesOf({ ...none, isChunked: false, pieces: [filled(20_000)], isLast: true }, false);
  assert.deepEqual(
    large.map(({ length }) => length),
    [20_000],
    'no empty pieces',
  );
});
