// Gathers what all workers have measured for the one that was asked, and remembers it for when one is gone.
import type { MetricReport } from '../core/metric-report.ts';
import type { Clock } from '../lib/clock.ts';
import { lastingOf, sumOf } from './lasting.ts';

/** Who has not reported by then is busy or gone: what it said last counts on. */
const waitMs = 1000;

type Report = readonly MetricReport[];

interface Round {
  /** Workers that have not reported yet. */
  readonly missing: Set<number>;
  readonly conclude: () => void;
}

/** The reports of all workers, by their numbers. */
export class Gathering {
  readonly #clock: Clock;
  readonly #ask: (worker: number, n: number) => void;
  /** What each of those that live has said last. */
  readonly #latest = new Map<number, Report>();
  /** What those counted that are gone. */
  #past: Report = [];
  readonly #rounds = new Map<number, Round>();
  #count = 0;

  /** `ask` asks one worker for its report in a round. */
  constructor(clock: Clock, ask: (worker: number, n: number) => void) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Asks the others, and calls `answer` with their reports when all are there or it has taken too long. */
  begin(asker: number, own: Report, others: readonly number[], answer: (reports: readonly Report[]) => void): void {
    this.#latest.set(asker, own);
    this.#count += 1;
    const n = this.#count;
    const missing = new Set(others);
    const conclude = (): void => {
      if (!this.#rounds.delete(n)) return;
      cancel();
      const known = [...this.#latest].filter(([worker]) => worker !== asker);
      // A gauge of a worker that says nothing is not true any more.
      answer([...known.map(([worker, report]) => (missing.has(worker) ? lastingOf(report) : report)), this.#past]);
    };
    const cancel = this.#clock.after(waitMs, conclude);
    this.#rounds.set(n, { missing, conclude });
    for (const worker of others) this.#ask(worker, n);
    if (missing.size === 0) conclude();
  }

  reported(worker: number, n: number, report: Report): void {
    this.#latest.set(worker, report);
    this.#noLongerWait(worker, n);
  }

  /** A worker has ended: what it has counted counts on. */
  ended(worker: number): void {
    const latest = this.#latest.get(worker);
    this.#latest.delete(worker);
    if (latest !== undefined) this.#past = sumOf(this.#past, lastingOf(latest));
    for (const n of this.#rounds.keys()) this.#noLongerWait(worker, n);
  }

  #noLongerWait(worker: number, n: number): void {
    const round = this.#rounds.get(n);
    round?.missing.delete(worker);
    if (round?.missing.size === 0) round.conclude();
  }
}
