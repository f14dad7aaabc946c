// A map that forgets what has not been used for long, so that it cannot grow without end.

/**
 * Remembers at least the half of `most` keys that were used last, and never more than `most`. They are in two maps, the
 * second of which is given up as a whole: to move each key to the end of one map whenever it is used would have V8 make
 * that map's table anew all the time (why that is dear, `roster.ts` says).
 */
export class RecentMap<Key, Value> {
  readonly #most: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Whoever is asked for is used. */
  get(key: Key): Value | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  set(key: Key, value: Value): void {
    this.#young.set(key, value);
    if (this.#young.size < this.#most / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
