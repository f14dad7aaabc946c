// Finds out which of a few known names a JSON member has, by the bytes of its name.
import { nameIs, spanIs } from './json-scan.ts';

const backslash = 0x5c;

/** A set of names, all plain ASCII, sorted by their length: most names of other members differ in that already. */
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
}
