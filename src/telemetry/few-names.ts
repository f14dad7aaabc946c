// Names of models that others choose, as labels: the first ones as they are, all that come later as one.
import { modelOnRecord } from '../core/redaction.ts';

const others = 'other';
const longest = 100;

/** Keeps the first names that it is given, at most so many. */
export class FewNames {
  readonly #most: number;
  readonly #known = new Map<string, string>();

  constructor(most: number) {
    this.#most = most;
  }

  /** The label for a name: itself, unless it is a key; or `other`. */
  of(name: string): string {
    return this.#known.get(name) ?? this.#learn(name);
  }

  #learn(name: string): string {
    if (this.#known.size >= this.#most || name.length > longest) return others;
    const label = modelOnRecord(name);
    this.#known.set(name, label);
    return label;
  }
}
