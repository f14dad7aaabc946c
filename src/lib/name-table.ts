// Finds out which of a few known names a JSON member has, by the bytes of its name.
import { nameIs, spanIs } from './json-scan.ts';
import { readValue } from './json-value.ts';

const backslash = 0x5c;
const underscore = 0x5f;
/** What tells a small letter of ASCII from a large one. */
const caseBit = 0x20;

/** A set of names, all of small ASCII letters and underscores, sorted by their length: most names of other members differ in that already. */
export class NameTable<Name extends string> {
  readonly #byLength: (readonly Name[])[] = [];
  readonly #names: readonly Name[];

  constructor(names: readonly Name[]) {
    this.#names = names;
    for (const name of names) this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), name];
  }

  /** Which name stands at the span (quotes included), with escapes or without; undefined where it is none of these. */
  find(bytes: Uint8Array, start: number, end: number): Name | undefined {
    const candidates = this.#byLength[end - start - 2];
    if (candidates !== undefined) {
      for (const name of candidates) if (spanIs(bytes, start + 1, end - 1, name)) return name;
    }
    for (let i = start; i < end; i += 1) {
      if (bytes[i] === backslash) return this.#names.find((name) => nameIs(bytes, start, end, name));
    }
    return undefined;
  }

  /** Which of the names stands at the span but for the case of its letters: some servers take it for the name itself. */
  findInAnyCase(bytes: Uint8Array, start: number, end: number): Name | undefined {
    for (let i = start + 1; i < end - 1; i += 1) {
      const byte = bytes[i] as number;
      // Two letters beyond ASCII are an s and a k in another case (Unicode, CaseFolding.txt).
      if (byte === backslash || byte > 0x7f) return this.#findFolded(readValue(bytes, start, end));
    }
    return this.#byLength[end - start - 2]?.find((name) => isInAnyCase(bytes, start + 1, name));
  }

  #findFolded(text: unknown): Name | undefined {
    const folded = String(text).replaceAll('\u017f', 's').toLowerCase();
    return this.#names.find((name) => name === folded);
  }
}

function isInAnyCase(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i += 1) {
    const byte = bytes[start + i] as number;
    const code = name.charCodeAt(i);
    if (byte !== code && (code === underscore || (byte | caseBit) !== code)) return false;
  }
  return true;
}
