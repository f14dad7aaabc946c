// Time as a parameter: what tells it and what wakes at it, so that tests can hold both still.

/** A source of time. `nowMs` is milliseconds since the Unix epoch and never steps back while the process lives. */
export interface Clock {
  nowMs(): number;
  /** Calls `wake` once, `delayMs` from now; the answer takes the call back. A waiting timer never keeps the process alive. */
  after(delayMs: number, wake: () => void): () => void;
}

/** What makes a time stand still for one step of work. */
export interface TimeHold {
  hold(): void;
  letGo(): void;
}

/** Node clamps longer timers to 1 ms with a warning, so longer waits are cut to this (24.8 days). */
const longestTimerMs = 2 ** 31 - 1;

/** How often the two are compared. */
const compareEveryMs = 1000;
/** A smaller difference is left: every deadline would feel its correction. */
const toleratedMs = 1000;
/** How fast time goes while it is ahead: no limit may last much longer for it. */
const slowRate = 0.9;

/**
 * Wall time that never steps back. Between two looks at the wall clock it goes by the steady one, which a correction of
 * the wall clock does not touch, and which stands still while the machine sleeps. Where the wall clock is ahead by more
 * than a second, that is made up for at once; where it is behind, time goes slower until it has caught up.
 */
export class SteadyWallTime {
  readonly #wallMs: () => number;
  readonly #steadyMs: () => number;
  #baseMs: number;
  #sinceMs: number;
  #rate = 1;
  #compareAtMs: number;
  #heldMs: number | undefined;

  /** `wallMs`: since the epoch, may step. `steadyMs`: from any beginning, may stand still, never steps back. */
  constructor(wallMs: () => number, steadyMs: () => number) {
    this.#wallMs = wallMs;
    this.#steadyMs = steadyMs;
    this.#baseMs = wallMs();
    this.#sinceMs = steadyMs();
    this.#compareAtMs = this.#sinceMs + compareEveryMs;
  }

  /** From here to `letGo` it is one time: what a step asks a dozen times costs as much as the step's shortest parts. */
  hold(): void {
    this.#heldMs = undefined;
    this.#heldMs = this.nowMs();
  }

  letGo(): void {
    this.#heldMs = undefined;
  }

  nowMs(): number {
    if (this.#heldMs !== undefined) return this.#heldMs;
    const steadyMs = this.#steadyMs();
    if (steadyMs >= this.#compareAtMs) this.#compare(steadyMs);
    return this.#baseMs + (steadyMs - this.#sinceMs) * this.#rate;
  }

  #compare(steadyMs: number): void {
    const nowMs = this.#baseMs + (steadyMs - this.#sinceMs) * this.#rate;
    const wallMs = this.#wallMs();
    const isBehind = wallMs - nowMs > toleratedMs;
    const isAhead = nowMs - wallMs > (this.#rate === 1 ? toleratedMs : 0);
    this.#compareAtMs = steadyMs + compareEveryMs;
    if (!isBehind && !isAhead && this.#rate === 1) return;
    this.#baseMs = isBehind ? wallMs : nowMs;
    this.#sinceMs = steadyMs;
    this.#rate = isAhead ? slowRate : 1;
  }
}

const systemTime = new SteadyWallTime(
  () => Date.now(),
  () => performance.now(),
);

/** Holds the machine's own clock for a step that is soon done. */
export const systemTimeHold: TimeHold = systemTime;

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => systemTime.nowMs(),
  after(delayMs, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
