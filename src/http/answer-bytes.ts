// What goes over the wire at once: the head, pieces of the body, and the marks around them.
import { bytesIn } from '../lib/bytes.ts';

/** Up to this size pieces are copied into one: one write instead of several. */
const joinedBytes = 16 << 10;

/** Before a piece: a size of eight digits and a line end. */
const marksBefore = 10;
/** Behind it: a line end and the chunk that says that nothing follows. */
const marksAfter = 7;
const endMark = '0\r\n\r\n';
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
/** From this size on memory is given back as soon as it is not needed any more. */
const ownBytes = 4096;

/**
 * Memory. `isBehind` says that the client has not taken what came before: then it is of its own, because a few bytes of
 * the pool that many share would keep a whole block of it.
 */
function memoryFor(bytes: number, isBehind: boolean): Buffer {
  return isBehind || bytes >= ownBytes ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes);
}

/** A copy of a piece with room around it for the marks of a chunk; `isBehind` as for `bytesOf`. */
export function roomWith(piece: Uint8Array, isBehind: boolean): Buffer {
  const room = memoryFor(marksBefore + piece.length + marksAfter, isBehind);
  room.set(piece, marksBefore);
  return room;
}

/** The piece alone. */
export function pieceIn(room: Buffer): Buffer {
  return room.subarray(marksBefore, room.length - marksAfter);
}

/** The piece as a chunk, and where nothing follows the end of all chunks. */
export function chunkIn(room: Buffer, isLast: boolean): Buffer {
  let end = room.length - marksAfter;
  let start = marksBefore - 2;
  room[start] = carriageReturn;
  room[start + 1] = lineFeed;
  for (let left = end - marksBefore; left > 0; left >>>= 4) {
    const digit = left & 15;
    start -= 1;
    room[start] = digit < 10 ? 0x30 + digit : 0x57 + digit;
  }
  room[end] = carriageReturn;
  room[end + 1] = lineFeed;
  end += 2;
  if (isLast) end += room.write(endMark, end, 'latin1');
  return room.subarray(start, end);
}

/** What is to be sent together. */
export interface AnswerPart {
  /** Latin1; empty behind the first part. */
  readonly head: string;
  readonly pieces: readonly Uint8Array[];
  readonly isChunked: boolean;
  /** Nothing follows. */
  readonly isLast: boolean;
}

/** The bytes of a part, in as few pieces as is good. `isBehind`: the client has not taken what came before. */
export function bytesOf({ head, pieces, isChunked, isLast }: AnswerPart, isBehind: boolean): Uint8Array[] {
  const bodyBytes = bytesIn(pieces);
  const isChunk = isChunked && bodyBytes > 0;
  const before = isChunk ? `${head}${bodyBytes.toString(16)}\r\n` : head;
  const after = `${isChunk ? '\r\n' : ''}${isChunked && isLast ? endMark : ''}`;
  const bytes = before.length + bodyBytes + after.length;
  if (bytes === 0) return [];
  if (bodyBytes > joinedBytes) {
    const marks = [before, after].map((text) => Buffer.from(text, 'latin1'));
    return [marks[0] as Buffer, ...pieces, marks[1] as Buffer].filter(({ length }) => length > 0);
  }
  const joined = memoryFor(bytes, isBehind);
  let at = joined.write(before, 0, 'latin1');
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  if (after !== '') joined.write(after, at, 'latin1');
  return [joined];
}
