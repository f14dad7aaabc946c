// A clock that stands still until a test moves it.
import type { Clock } from '../../src/lib/clock.ts';

/** Time in a test's hand. */
export class FakeClock implements Clock {
  #nowMs = 1_800_000_000_000;
  #timers: { atMs: number; wake: () => void }[] = [];

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, wake: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(delayMs, 0), wake };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time on, waking whoever is due in order, and lets what follows from it happen. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = due.atMs;
      due.wake();
      await new Promise(setImmediate);
    }
    this.#nowMs = untilMs;
    await new Promise(setImmediate);
  }
}
