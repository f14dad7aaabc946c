// How much is asked for per second just now: a sum that fades, so that a burst is forgotten within seconds.

const memoryMs = 2000;

/** A rate. Times are ms since the epoch. */
export class DemandRate {
  #sum = 0;
  #atMs = 0;

  add(amount: number, nowMs: number): void {
    this.#sum = this.#fadedTo(nowMs) + amount;
    this.#atMs = nowMs;
  }

  perSecond(nowMs: number): number {
    return this.#fadedTo(nowMs) / (memoryMs / 1000);
  }

  #fadedTo(nowMs: number): number {
    return this.#sum === 0 ? 0 : this.#sum * Math.exp((this.#atMs - nowMs) / memoryMs);
  }
}
