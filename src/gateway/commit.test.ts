// The gate before the point of no return: what it holds is counted from a size on, and goes out where there is no room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitGate, HeldTooLongError, uncountedBytes } from './commit.ts';

const piece = Buffer.alloc(uncountedBytes / 4);

/** A gate that finds room for so many pieces, and what came of it. */
function gateWithRoomFor(pieces: number, limitBytes = 1 << 30): { gate: CommitGate; seen: string[] } {
  const seen: string[] = [];
  let room = pieces * piece.length;
  const sink = {
    start: () => void seen.push('start'),
    write: (bytes: Uint8Array) => void seen.push(`${bytes.length}`),
  };
  const hold = (bytes: number): boolean => {
    room -= bytes;
    return room >= 0;
  };
  return { gate: new CommitGate(sink, limitBytes, hold), seen };
}

test('what is small is held without being counted, and goes out in one write', () => {
  const { gate, seen } = gateWithRoomFor(0);
  for (let n = 0; n < 4; n += 1) gate.pass(piece);
  assert.deepEqual(seen, []);
  gate.open();
  gate.open();
  assert.deepEqual(seen, ['start', String(uncountedBytes)]);
});

test('what is large is held as long as there is room, and then goes out as it comes', () => {
  const { gate, seen } = gateWithRoomFor(2);
  for (let n = 0; n < 6; n += 1) gate.pass(piece);
  assert.equal(gate.isOpen, false);
  gate.pass(piece);
  gate.pass(piece);
  gate.open();
  assert.deepEqual(seen, ['start', String(7 * piece.length), String(piece.length)]);
});

test('more than may be held is an error', () => {
  const { gate } = gateWithRoomFor(10, piece.length);
  gate.pass(piece);
  assert.throws(() => gate.pass(piece), HeldTooLongError);
});
