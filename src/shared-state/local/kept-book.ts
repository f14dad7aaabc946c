// What the pools of the workers keep for each other, each entry with its end, behind a mark that changes with every change.

interface Entry {
  readonly untilMs: number;
  readonly text: string;
}

/** The entries. */
export class KeptBook {
  readonly #entries = new Map<string, Entry>();
  #changes = 0;

  /** `values`: for each entry its name, its end, its text. */
  keep(values: readonly string[]): void {
    for (let i = 0; i < values.length; i += 3)
      this.#entries.set(values[i] ?? '', { untilMs: Number(values[i + 1]), text: values[i + 2] ?? '' });
    this.#changes += 1;
  }

  /** Forgets what begins with one of these; answers how many that were. */
  forget(prefixes: readonly string[]): number {
    const gone = [...this.#entries.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
    for (const name of gone) this.#entries.delete(name);
    if (gone.length > 0) this.#changes += 1;
    return gone.length;
  }

  /** `values`: the mark that the caller knows, and the time. Answers the mark, then the entries unless the mark is known. */
  read([known, nowMs]: readonly string[]): string[] {
    const mark = this.#changes === 0 ? '' : String(this.#changes);
    if (mark === known) return [mark];
    for (const [name, { untilMs }] of this.#entries) if (untilMs <= Number(nowMs)) this.#entries.delete(name);
    return [mark, ...[...this.#entries.values()].map(({ text }) => text)];
  }
}
