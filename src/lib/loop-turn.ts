// A turn of the event loop: all that came in is looked at first, then worked on, and at the end what goes out is sent.
import type { TimeHold } from './clock.ts';

/** What is done in a turn, in this order. */
export const loopStages = ['read', 'serve', 'ask', 'answer'] as const;

/**
 * - `read`: what has come in is looked at.
 * - `serve`: requests begin, and those whose upstream has answered go on.
 * - `ask`: requests leave for their upstreams.
 * - `answer`: answers leave for their clients.
 */
export type LoopStage = (typeof loopStages)[number];

type Job = () => void;

/**
 * Collects work and does it stage by stage, within the same turn of the event loop, before it waits for anything new.
 *
 * A request runs through more code than the processor's nearest cache holds. Requests that take each step side by side
 * find its code there; one after the other, each fetches all of it anew. And of writes to sockets, the first wakes who
 * reads them and the others come along, where one at a time each wakes anew.
 */
export class LoopTurn {
  readonly #stages: readonly Stage[];

  /** With a `time` each job has one time from its beginning to its end. */
  constructor(time?: TimeHold) {
    this.#stages = loopStages.map(() => new Stage(time));
  }

  /** Calls `job` once for each call of this, with others of its stage in the order of the calls. */
  add(stage: LoopStage, job: Job): void {
    const at = places[stage];
    if (!(this.#stages[at] as Stage).add(job)) return;
    // What this one leads to is to find the later stages of the same turn.
    for (let later = at + 1; later < this.#stages.length; later += 1) (this.#stages[later] as Stage).expect();
  }
}

const places = Object.fromEntries(loopStages.map((stage, i) => [stage, i])) as Readonly<Record<LoopStage, number>>;

/** Each has an immediate of its own: promises that are settled in one stage are heard of before the next. */
class Stage {
  readonly #time: TimeHold | undefined;
  #jobs: Job[] = [];
  #isExpected = false;

  constructor(time: TimeHold | undefined) {
    this.#time = time;
  }

  /** True where nobody has expected it in this turn. */
  add(job: Job): boolean {
    this.#jobs.push(job);
    return this.expect();
  }

  expect(): boolean {
    if (this.#isExpected) return false;
    this.#isExpected = true;
    setImmediate(this.#run);
    return true;
  }

  readonly #run = (): void => {
    this.#isExpected = false;
    const jobs = this.#jobs;
    if (jobs.length === 0) return;
    this.#jobs = [];
    try {
      for (const job of jobs) {
        this.#time?.hold();
        job();
      }
    } finally {
      this.#time?.letGo();
    }
  };
}
