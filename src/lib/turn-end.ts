// Work that waits for the end of the event loop's turn, so that what belongs together is done together.

/** What can wait. */
export interface Postponed {
  atTurnEnd(): void;
}

/**
 * Collects work while what has come in is being worked on, and does it when all of that is done: within the same turn of
 * the event loop, before it waits for anything new. For writes to sockets: one after the other they wake their reader
 * once, where one at a time each wakes it anew, and waking is the dearest part of a small write.
 */
export class TurnEnd {
  #waiting: Postponed[] = [];

  /** Calls `work.atTurnEnd` once for each call of this. */
  add(work: Postponed): void {
    if (this.#waiting.push(work) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const all = this.#waiting;
    this.#waiting = [];
    for (const work of all) work.atTurnEnd();
  };
}
