// Bytes put together in memory of their own.

/**
 * Joins pieces into one. `Buffer.concat` takes small ones from a pool that many share: a slow reader that holds a few
 * hundred bytes of it would keep all of its 64 KiB.
 */
export function joinBytes(pieces: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const joined = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
