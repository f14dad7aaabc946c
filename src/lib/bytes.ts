// Bytes put together in memory of their own.

/** How many bytes all pieces have together. */
export function bytesIn(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (let i = 0; i < pieces.length; i += 1) bytes += (pieces[i] as Uint8Array).length;
  return bytes;
}

/** What `toString` of a Buffer comes to, without its way through the names of encodings and a view: half of what it costs. */
const slices = Buffer.prototype as unknown as Readonly<
  Record<'latin1Slice' | 'utf8Slice', (this: Uint8Array, start: number, end: number) => string>
>;

/** The bytes from `start` up to `end` as text, each a character. */
export function latin1In(bytes: Uint8Array, start: number, end: number): string {
  return slices.latin1Slice.call(bytes, start, end);
}

/** The bytes from `start` up to `end`, read as UTF-8. */
export function utf8In(bytes: Uint8Array, start: number, end: number): string {
  return slices.utf8Slice.call(bytes, start, end);
}

/** A text of more characters is given memory of its own. */
const mostKeptCharacters = 32 << 10;
/** The most bytes of UTF-8 that one character (UTF-16 code unit) takes. */
const bytesPerCharacter = 3;

/** Texts as UTF-8 in memory that is used again and again: nothing is counted first, and nothing is left to be collected. */
export class TextBytes {
  #memory = Buffer.allocUnsafeSlow(0);

  /** The bytes of a text; somebody else's with the next call. */
  of(text: string): Buffer {
    if (text.length > mostKeptCharacters) return Buffer.from(text);
    const most = text.length * bytesPerCharacter;
    if (this.#memory.length < most) this.#memory = Buffer.allocUnsafeSlow(most);
    return this.#memory.subarray(0, this.#memory.write(text, 0));
  }
}

/** Below this a free costs more than it is worth. */
const freedBytes = 4096;

/**
 * Gives the memory of a piece back at once, where nobody else has a part of it. Many large pieces would else pile up
 * until they are collected, and V8 is in no hurry: to it each is but a small object. The piece is empty afterwards.
 */
export function free(piece: Uint8Array): void {
  const { buffer } = piece;
  if (piece.length < freedBytes || piece.length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  buffer.transfer(0);
}

/**
 * Joins pieces into one. `Buffer.concat` takes small ones from a pool that many share: a slow reader that holds a few
 * hundred bytes of it would keep all of its 64 KiB.
 */
export function joinBytes(pieces: readonly Uint8Array[]): Buffer {
  const joined = Buffer.allocUnsafeSlow(bytesIn(pieces));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
