// One cancellation for a whole request: cheaper than an AbortController, and it says why.

/** Stops work that is under way. `Reason` tells who wanted it stopped; the first reason stays. */
export class Cancellation<Reason> {
  #reason: Reason | undefined;
  readonly #listeners: ((reason: Reason) => void)[] = [];

  get reason(): Reason | undefined {
    return this.#reason;
  }

  get isCancelled(): boolean {
    return this.#reason !== undefined;
  }

  cancel(reason: Reason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    // One of them may take back another that has not heard yet.
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) next(reason);
  }

  /** Calls `listener` at the cancellation, at once if it has happened; the answer takes the listener back. */
  onCancel(listener: (reason: Reason) => void): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => {};
    }
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.lastIndexOf(listener);
      // Mostly who came last leaves first, and to cut a list costs more.
      if (at !== -1 && at === this.#listeners.length - 1) this.#listeners.pop();
      else if (at !== -1) this.#listeners.splice(at, 1);
    };
  }
}
