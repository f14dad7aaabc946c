// The byte order mark that some servers put before a text in UTF-8: no part of the text, and every client skips it.

const mark = [0xef, 0xbb, 0xbf] as const;

/** Whether the mark stands at the beginning. */
export function hasMark(bytes: Uint8Array): boolean {
  return bytes[0] === mark[0] && bytes[1] === mark[1] && bytes[2] === mark[2];
}

/** The bytes behind the mark, in the same memory; all of them where there is none. */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  return hasMark(bytes) ? bytes.subarray(mark.length) : bytes;
}

/** Not even three bytes are there, and those that are could begin the mark. */
export function mayBecomeMark(bytes: Uint8Array): boolean {
  return bytes.length > 0 && bytes.length < mark.length && bytes.every((byte, i) => byte === mark[i]);
}
