// Asks several workers the same, and goes on when all have answered, have ended, or have taken too long.
import type { Clock } from '../lib/clock.ts';

interface Round {
  /** Workers that have not answered yet. */
  readonly missing: Set<number>;
  readonly conclude: () => void;
}

/** Rounds of one question. */
export class Rounds {
  readonly #clock: Clock;
  readonly #waitMs: number;
  readonly #ask: (worker: number, n: number) => void;
  readonly #open = new Map<number, Round>();
  #count = 0;

  /** `ask` asks one worker in the round of this number; nobody is waited for longer than `waitMs`. */
  constructor(clock: Clock, waitMs: number, ask: (worker: number, n: number) => void) {
    this.#clock = clock;
    this.#waitMs = waitMs;
    this.#ask = ask;
  }

  /** Asks these workers; `conclude` hears who has not answered. */
  begin(workers: readonly number[], conclude: (missing: ReadonlySet<number>) => void): void {
    this.#count += 1;
    const n = this.#count;
    const missing = new Set(workers);
    const end = (): void => {
      if (!this.#open.delete(n)) return;
      cancel();
      conclude(missing);
    };
    const cancel = this.#clock.after(this.#waitMs, end);
    this.#open.set(n, { missing, conclude: end });
    for (const worker of workers) this.#ask(worker, n);
    if (missing.size === 0) end();
  }

  answered(worker: number, n: number): void {
    const round = this.#open.get(n);
    round?.missing.delete(worker);
    if (round?.missing.size === 0) round.conclude();
  }

  /** It answers nothing any more. */
  ended(worker: number): void {
    for (const n of this.#open.keys()) this.answered(worker, n);
  }
}
