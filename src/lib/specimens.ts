// Specimens: one of each kind of short-lived object, kept so that V8 keeps the code that it has optimized for that kind.

/**
 * Optimized code stands on the hidden classes of the objects that it was made for. A collection that finds no object of a
 * class throws away what stands on it, and between two requests that is nearly all of a gateway. An object of each kind
 * that is kept until there is a newer one, with all that it refers to, is enough.
 */
export class Specimens {
  readonly #kept = new Map<string, object>();

  /** Keeps it in place of the last one of its kind. It must not refer to much: all of that stays in memory, too. */
  keep(kind: string, specimen: object): void {
    this.#kept.set(kind, specimen);
  }
}
