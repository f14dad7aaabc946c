// What was counted in the last minute, at any moment: a log of short slots, so that no boundary lets two bursts through.

/** The window's length. */
export const windowMs = 60_000;

/** Counts that come closer together share a slot, and leave the window with the youngest of them: at most 0.8 % too late. */
const slotMs = 500;

/** Where something was counted: when its slot began, in ms since the epoch. */
export type Slot = number;

/** Numbers of a slot: when it began, when something was counted there last, and how much. */
const [lastAt, amountAt, length] = [1, 2, 3];
/** Numbers that have left and are still there. */
const mostLeft = 64 * length;

/** A sum over the last 60 seconds. Times are ms since the epoch and never step back. */
export class SlidingWindow {
  /**
   * Slots one after the other, the oldest first; those before `#head` have left. Plain numbers: with ten thousand keys
   * nearly every request makes two, and as objects all would be copied in two collections and looked at in many.
   */
  #slots: number[] = [];
  #head = 0;
  #sum = 0;

  /** Slots in memory. */
  get length(): number {
    return this.#slots.length / length;
  }

  /** The sum now. */
  sum(nowMs: number): number {
    const slots = this.#slots;
    while (this.#head < slots.length && nowMs - this.#number(this.#head + lastAt) >= windowMs) {
      this.#sum -= this.#number(this.#head + amountAt);
      this.#head += length;
    }
    if (this.#head === slots.length) {
      if (this.#head > 0) this.#slots = [];
      this.#head = 0;
      this.#sum = 0;
    } else if (this.#head > mostLeft) {
      slots.splice(0, this.#head);
      this.#head = 0;
    }
    return this.#sum;
  }

  /** Counts an amount; the answer is where it was counted. */
  add(amount: number, nowMs: number): Slot {
    // Nobody may have asked for the sum: what has left the window must not pile up.
    this.sum(nowMs);
    this.#sum += amount;
    const slots = this.#slots;
    const last = slots.length - length;
    if (last >= 0 && nowMs - this.#number(last) < slotMs) {
      slots[last + lastAt] = nowMs;
      slots[last + amountAt] = this.#number(last + amountAt) + amount;
      return this.#number(last);
    }
    slots.push(nowMs, nowMs, amount);
    return nowMs;
  }

  /** Corrects what was counted in `slot`. What has left the window is not given back; what is missing there counts now. */
  correct(slot: Slot, difference: number, nowMs: number): void {
    this.sum(nowMs);
    // The newest first: most requests are short.
    for (let at = this.#slots.length - length; at >= this.#head; at -= length) {
      if (this.#number(at) !== slot) continue;
      this.#slots[at + amountAt] = this.#number(at + amountAt) + difference;
      this.#sum += difference;
      return;
    }
    if (difference > 0) this.add(difference, nowMs);
  }

  /** The ms until `amount` more fit below `limit`; more than the limit waits for an empty window. */
  waitMs(limit: number, amount: number, nowMs: number): number {
    let missing = this.sum(nowMs) + Math.min(amount, limit) - limit;
    for (let at = this.#head; at < this.#slots.length && missing > 0; at += length) {
      missing -= this.#number(at + amountAt);
      if (missing <= 0) return this.#number(at + lastAt) + windowMs - nowMs;
    }
    return 0;
  }

  /** The ms until nothing counts any more. */
  emptyInMs(nowMs: number): number {
    if (this.sum(nowMs) === 0 || this.#slots.length === 0) return 0;
    return this.#number(this.#slots.length - length + lastAt) + windowMs - nowMs;
  }

  #number(at: number): number {
    return this.#slots[at] as number;
  }
}
