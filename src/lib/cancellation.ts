// One cancellation for a whole request: cheaper than an AbortController, and it says why.

/** Stops work that is under way. `Reason` tells who wanted it stopped; the first reason stays. */
export class Cancellation<Reason> {
  #reason: Reason | undefined;
  readonly #listeners = new Set<(reason: Reason) => void>();

  get reason(): Reason | undefined {
    return this.#reason;
  }

  get isCancelled(): boolean {
    return this.#reason !== undefined;
  }

  cancel(reason: Reason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }

  /** Calls `listener` at the cancellation, at once if it has happened; the answer takes the listener back. */
  onCancel(listener: (reason: Reason) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => {};
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
