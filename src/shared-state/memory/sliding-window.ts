// What was counted in the last minute, at any moment: a log of short slots, so that no boundary lets two bursts through.

/** The window's length. */
export const windowMs = 60_000;

/** Counts that come closer together share a slot, and leave the window with the youngest of them: at most 0.8 % too late. */
const slotMs = 500;

/** Counts that leave the window together. */
export interface Slot {
  readonly firstMs: number;
  lastMs: number;
  amount: number;
}

/** A sum over the last 60 seconds. Times are ms since the epoch and never step back. */
export class SlidingWindow {
  /** Oldest first; those before `#head` have left. */
  #slots: Slot[] = [];
  #head = 0;
  #sum = 0;

  /** Slots in memory. */
  get length(): number {
    return this.#slots.length;
  }

  /** The sum now. */
  sum(nowMs: number): number {
    for (;;) {
      const slot = this.#slots[this.#head];
      if (slot === undefined || nowMs - slot.lastMs < windowMs) break;
      this.#sum -= slot.amount;
      this.#head += 1;
    }
    if (this.#head === this.#slots.length) {
      if (this.#head > 0) this.#slots = [];
      this.#head = 0;
      this.#sum = 0;
    } else if (this.#head > 64) {
      this.#slots.splice(0, this.#head);
      this.#head = 0;
    }
    return this.#sum;
  }

  /** Counts an amount; the answer is where it was counted. */
  add(amount: number, nowMs: number): Slot {
    // Nobody may have asked for the sum: what has left the window must not pile up.
    this.sum(nowMs);
    this.#sum += amount;
    const last = this.#slots.at(-1);
    if (last !== undefined && nowMs - last.firstMs < slotMs) {
      last.lastMs = nowMs;
      last.amount += amount;
      return last;
    }
    const slot = { firstMs: nowMs, lastMs: nowMs, amount };
    this.#slots.push(slot);
    return slot;
  }

  /** Corrects what was counted in `slot`. What has left the window is not given back; what is missing there counts now. */
  correct(slot: Slot, difference: number, nowMs: number): void {
    this.sum(nowMs);
    if (nowMs - slot.lastMs < windowMs) {
      slot.amount += difference;
      this.#sum += difference;
    } else if (difference > 0) {
      this.add(difference, nowMs);
    }
  }

  /** The ms until `amount` more fit below `limit`; more than the limit waits for an empty window. */
  waitMs(limit: number, amount: number, nowMs: number): number {
    let missing = this.sum(nowMs) + Math.min(amount, limit) - limit;
    for (let i = this.#head; i < this.#slots.length && missing > 0; i += 1) {
      const slot = this.#slots[i] as Slot;
      missing -= slot.amount;
      if (missing <= 0) return slot.lastMs + windowMs - nowMs;
    }
    return 0;
  }

  /** The ms until nothing counts any more. */
  emptyInMs(nowMs: number): number {
    if (this.sum(nowMs) === 0) return 0;
    const last = this.#slots.at(-1);
    return last === undefined ? 0 : last.lastMs + windowMs - nowMs;
  }
}
