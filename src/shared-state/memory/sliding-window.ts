// What a key took in the last minute, at any moment: a log of short slots, so that no boundary lets two bursts through.

/** The window's length. */
export const windowMs = 60_000;

/** Counts that come closer together share a slot, and leave the window with the youngest of them: at most 0.8 % too late. */
const slotMs = 500;

/** Where something was counted: when its slot began, in ms since the epoch. */
export type Slot = number;

/** What is counted. Both in one log: they come together, and of ten thousand keys each log is out of the processor's caches. */
export type WindowCount = 'requests' | 'tokens';

/** Numbers of a slot: when it began, when something was counted there last, and how much. */
const [lastAt, requestsAt, tokensAt, length] = [1, 2, 3, 4];
const places: Readonly<Record<WindowCount, number>> = { requests: requestsAt, tokens: tokensAt };
/** Numbers that have left and are still there. */
const mostLeft = 64 * length;

/** Sums over the last 60 seconds. Times are ms since the epoch and never step back. */
export class SlidingWindow {
  /**
   * Slots one after the other, the oldest first; those before `#head` have left. Plain numbers: with ten thousand keys
   * nearly every request makes one, and as objects all would be copied in two collections and looked at in many.
   */
  #slots: number[] = [];
  #head = 0;
  #requests = 0;
  #tokens = 0;

  /** Slots in memory. */
  get length(): number {
    return this.#slots.length / length;
  }

  /** The sum now. */
  sum(count: WindowCount, nowMs: number): number {
    this.#forget(nowMs);
    return count === 'requests' ? this.#requests : this.#tokens;
  }

  /** Counts requests and tokens; the answer is where they were counted. */
  add(requests: number, tokens: number, nowMs: number): Slot {
    // Nobody may have asked for a sum: what has left the window must not pile up.
    this.#forget(nowMs);
    this.#requests += requests;
    this.#tokens += tokens;
    const slots = this.#slots;
    const last = slots.length - length;
    if (last >= 0 && nowMs - this.#number(last) < slotMs) {
      slots[last + lastAt] = nowMs;
      this.#raise(last, requests, tokens);
      return this.#number(last);
    }
    slots.push(nowMs, nowMs, requests, tokens);
    return nowMs;
  }

  /** Corrects what was counted in `slot`. What has left the window is not given back; what is missing there counts now. */
  correct(slot: Slot, requests: number, tokens: number, nowMs: number): void {
    this.#forget(nowMs);
    // The newest first: most requests are short.
    for (let at = this.#slots.length - length; at >= this.#head; at -= length) {
      if (this.#number(at) !== slot) continue;
      this.#raise(at, requests, tokens);
      this.#requests += requests;
      this.#tokens += tokens;
      return;
    }
    if (requests > 0 || tokens > 0) this.add(Math.max(requests, 0), Math.max(tokens, 0), nowMs);
  }

  /** The ms until `amount` more fit below `limit`; more than the limit waits for an empty window. */
  waitMs(count: WindowCount, limit: number, amount: number, nowMs: number): number {
    let missing = this.sum(count, nowMs) + Math.min(amount, limit) - limit;
    for (let at = this.#head; at < this.#slots.length && missing > 0; at += length) {
      missing -= this.#number(at + places[count]);
      if (missing <= 0) return this.#number(at + lastAt) + windowMs - nowMs;
    }
    return 0;
  }

  /** The ms until nothing counts any more. */
  emptyInMs(count: WindowCount, nowMs: number): number {
    if (this.sum(count, nowMs) === 0) return 0;
    for (let at = this.#slots.length - length; at >= this.#head; at -= length)
      if (this.#number(at + places[count]) !== 0) return this.#number(at + lastAt) + windowMs - nowMs;
    return 0;
  }

  #forget(nowMs: number): void {
    const slots = this.#slots;
    while (this.#head < slots.length && nowMs - this.#number(this.#head + lastAt) >= windowMs) {
      this.#requests -= this.#number(this.#head + requestsAt);
      this.#tokens -= this.#number(this.#head + tokensAt);
      this.#head += length;
    }
    if (this.#head === slots.length) {
      if (this.#head > 0) this.#slots = [];
      this.#head = 0;
      this.#requests = 0;
      this.#tokens = 0;
    } else if (this.#head > mostLeft) {
      slots.splice(0, this.#head);
      this.#head = 0;
    }
  }

  #raise(at: number, requests: number, tokens: number): void {
    this.#slots[at + requestsAt] = this.#number(at + requestsAt) + requests;
    this.#slots[at + tokensAt] = this.#number(at + tokensAt) + tokens;
  }

  #number(at: number): number {
    return this.#slots[at] as number;
  }
}
