// Reads single JSON values out of bytes.
import { latin1In, utf8In } from './bytes.ts';

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;
const lastPlain = 0x7e;
/** Longer ones are left to the parser. */
const longestPlain = 64;

/** The value at the span, parsed; undefined where the text inside is not valid JSON after all. */
export function readValue(bytes: Uint8Array, start: number, end: number): unknown {
  // A third of what the parser takes, for model names and the like.
  if (isPlainString(bytes, start, end)) return latin1In(bytes, start + 1, end - 1);
  try {
    return JSON.parse(utf8In(bytes, start, end));
  } catch {
    return undefined;
  }
}

/** A string of ASCII characters that all mean themselves. */
function isPlainString(bytes: Uint8Array, start: number, end: number): boolean {
  const last = end - 1;
  if (last <= start || bytes[start] !== quote || bytes[last] !== quote || last - start > longestPlain) return false;
  for (let i = start + 1; i < last; i += 1) {
    const byte = bytes[i] as number;
    if (byte === backslash || byte === quote || byte < space || byte > lastPlain) return false;
  }
  return true;
}
