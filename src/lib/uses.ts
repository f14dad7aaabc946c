// When things were last used, until that has been noted: what could not be noted waits for the next time.
import { isoTimes } from './iso-times.ts';

/** The last use of each name, as far as it is not noted yet. */
export class Uses {
  #times = new Map<string, number>();
  /** What is being noted just now. */
  #handed: ReadonlyMap<string, number> = new Map();

  /** Ms since the epoch. */
  get(name: string): number | undefined {
    return this.#times.get(name) ?? this.#handed.get(name);
  }

  set(name: string, atMs: number): void {
    this.#times.set(name, atMs);
  }

  /** Has all of them noted, where there are any; rejects where that fails, and keeps them. Whether there were some. */
  async handOver(note: (times: ReadonlyMap<string, string>) => Promise<void>): Promise<boolean> {
    const handed = this.#times;
    if (handed.size === 0) return false;
    this.#times = new Map();
    this.#handed = handed;
    try {
      await note(isoTimes(handed));
      return true;
    } catch (error) {
      for (const [name, atMs] of handed) if (!this.#times.has(name)) this.#times.set(name, atMs);
      throw error;
    } finally {
      if (this.#handed === handed) this.#handed = new Map();
    }
  }
}
