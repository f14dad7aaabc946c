// What goes over the wire at once: the head, pieces of the body, and the marks around them.
import { bytesIn } from '../lib/bytes.ts';

/** Up to this size pieces are copied into one: one write instead of several. */
const joinedBytes = 64 << 10;

/** What is to be sent together. */
export interface AnswerPart {
  /** Latin1; empty behind the first part. */
  readonly head: string;
  readonly pieces: readonly Uint8Array[];
  readonly isChunked: boolean;
  /** Nothing follows. */
  readonly isLast: boolean;
}

/**
 * The bytes of a part, in as few pieces as is good. `isBehind` says that the client has not taken what came before: then
 * they get memory of their own, because a few bytes of the pool that many share would keep a whole block of it.
 */
export function bytesOf({ head, pieces, isChunked, isLast }: AnswerPart, isBehind: boolean): Uint8Array[] {
  const bodyBytes = bytesIn(pieces);
  const isChunk = isChunked && bodyBytes > 0;
  const before = isChunk ? `${head}${bodyBytes.toString(16)}\r\n` : head;
  const after = `${isChunk ? '\r\n' : ''}${isChunked && isLast ? '0\r\n\r\n' : ''}`;
  const bytes = before.length + bodyBytes + after.length;
  if (bytes === 0) return [];
  if (bodyBytes > joinedBytes) {
    const marks = [before, after].map((text) => Buffer.from(text, 'latin1'));
    return [marks[0] as Buffer, ...pieces, marks[1] as Buffer].filter(({ length }) => length > 0);
  }
  const joined = isBehind ? Buffer.allocUnsafeSlow(bytes) : Buffer.allocUnsafe(bytes);
  let at = joined.write(before, 0, 'latin1');
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  if (after !== '') joined.write(after, at, 'latin1');
  return [joined];
}
