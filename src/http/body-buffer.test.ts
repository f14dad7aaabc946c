// A body in any pieces is the body, and what it was put together from is given back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyBuffer } from './body-buffer.ts';

const largest = 3 << 20;
const content = Buffer.from(Array.from({ length: 4096 }, (_, i) => i % 251));

test('whatever the pieces and whether or not their sum is announced', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: largest }), { maxLength: 6 }),
      fc.boolean(),
      (sizes, isAnnounced) => {
        const pieces = sizes.map((size) => Buffer.alloc(size, content));
        const expected = Buffer.concat(pieces);
        const body = new BodyBuffer(isAnnounced ? expected.length : undefined);
        for (const piece of pieces) body.add(piece);
        assert.equal(body.bytes, expected.length);
        assert.ok(expected.equals(body.take()));
        if (sizes.length > 1)
          assert.ok(
            pieces.every(({ length }) => length < 4096),
            'large pieces are freed',
          );
      },
    ),
    { numRuns: 30 },
  );
});

test('what comes in one piece is not copied', () => {
  const piece = Buffer.from('{"model":"gpt-4"}');
  const body = new BodyBuffer(piece.length);
  body.add(piece);
  assert.equal(body.take(), piece);
});

test('what is given up is freed', () => {
  const pieces = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  const body = new BodyBuffer(8 << 20);
  for (const piece of pieces) body.add(piece);
  body.clear();
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [0, 0],
  );
});
