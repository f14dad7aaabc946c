// What is remembered for each model, of a limited number of them: their names come from clients.

/** Most models that one account, or one group of accounts, remembers. */
const modelsKept = 1000;

/** States by the name of their model; where there are too many, the oldest is forgotten. */
export class ByModel<State> {
  readonly #states = new Map<string, State>();
  /** The one that was asked for last, and so mostly the next: with a thousand accounts each step through a `Map` waits for the memory. */
  #lastName: string | undefined;
  #last: State | undefined;

  get size(): number {
    return this.#states.size;
  }

  /** The model's state where there is one. */
  get(name: string): State | undefined {
    if (name === this.#lastName) return this.#last;
    const state = this.#states.get(name);
    if (state !== undefined) this.#remember(name, state);
    return state;
  }

  /** Keeps the state of a model that has none. */
  add(name: string, state: State): State {
    const [oldest] = this.#states.keys();
    if (this.#states.size >= modelsKept && oldest !== undefined) this.#states.delete(oldest);
    this.#states.set(name, state);
    this.#remember(name, state);
    return state;
  }

  clear(): void {
    this.#states.clear();
    this.#remember(undefined, undefined);
  }

  keys(): Iterable<string> {
    return this.#states.keys();
  }

  values(): Iterable<State> {
    return this.#states.values();
  }

  [Symbol.iterator](): Iterator<[string, State]> {
    return this.#states[Symbol.iterator]();
  }

  #remember(name: string | undefined, state: State | undefined): void {
    this.#lastName = name;
    this.#last = state;
  }
}
