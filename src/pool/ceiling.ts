// A limit a minute that was set by hand: what the gateway itself sends stays below it, whatever the upstream tells.

/** As OpenAI's own limits, it refills continuously. */
const windowMs = 60_000;

/** One limit of requests or tokens. Times are ms since the epoch. */
export class Ceiling {
  readonly limit: number;
  /** What was left at `#atMs`. */
  #left: number;
  #atMs = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.#left = limit;
  }

  /** What may still be sent; below 0 where more was sent than that. */
  left(nowMs: number): number {
    return Math.min(this.#left + (Math.max(nowMs - this.#atMs, 0) / windowMs) * this.limit, this.limit);
  }

  /** When `amount` will be left; what is more than the limit waits for a full one. */
  freeAtMs(amount: number, nowMs: number): number {
    const missing = Math.min(amount, this.limit) - this.left(nowMs);
    return missing <= 0 ? nowMs : nowMs + (missing / this.limit) * windowMs;
  }

  /** Takes over what was left at a moment before the start. */
  recall(left: number, atMs: number): void {
    this.#left = Math.min(left, this.limit);
    this.#atMs = atMs;
  }

  /** Counts what is sent; what was not sent after all where negative. */
  take(amount: number, nowMs: number): void {
    this.#left = this.left(nowMs) - amount;
    this.#atMs = Math.max(nowMs, this.#atMs);
  }
}
