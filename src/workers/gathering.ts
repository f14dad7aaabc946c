// Gathers what all workers have measured for the one that was asked, and remembers it for when one is gone.
import type { MetricReport } from '../core/metric-report.ts';
import type { Clock } from '../lib/clock.ts';
import { lastingOf, sumOf } from './lasting.ts';
import { Rounds } from './rounds.ts';

/** Who has not reported by then is busy or gone: what it said last counts on. */
const waitMs = 1000;

type Report = readonly MetricReport[];

/** The reports of all workers, by their numbers. */
export class Gathering {
  readonly #rounds: Rounds;
  /** What each of those that live has said last. */
  readonly #latest = new Map<number, Report>();
  /** What those counted that are gone. */
  #past: Report = [];

  /** `ask` asks one worker for its report in a round. */
  constructor(clock: Clock, ask: (worker: number, n: number) => void) {
    this.#rounds = new Rounds(clock, waitMs, ask);
  }

  /** Asks the others, and calls `answer` with their reports when all are there or it has taken too long. */
  begin(asker: number, own: Report, others: readonly number[], answer: (reports: readonly Report[]) => void): void {
    this.#latest.set(asker, own);
    this.#rounds.begin(others, (missing) => {
      const known = [...this.#latest].filter(([worker]) => worker !== asker);
      // A gauge of a worker that says nothing is not true any more.
      answer([...known.map(([worker, report]) => (missing.has(worker) ? lastingOf(report) : report)), this.#past]);
    });
  }

  reported(worker: number, n: number, report: Report): void {
    this.#latest.set(worker, report);
    this.#rounds.answered(worker, n);
  }

  /** A worker has ended: what it has counted counts on. */
  ended(worker: number): void {
    const latest = this.#latest.get(worker);
    this.#latest.delete(worker);
    if (latest !== undefined) this.#past = sumOf(this.#past, lastingOf(latest));
    this.#rounds.ended(worker);
  }
}
