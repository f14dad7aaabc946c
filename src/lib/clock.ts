// Time as a parameter: what tells it and what wakes at it, so that tests can hold both still.

/** A source of time. `nowMs` is milliseconds since the Unix epoch and never steps back while the process lives. */
export interface Clock {
  nowMs(): number;
  /** Calls `wake` once, `delayMs` from now; the answer takes the call back. A waiting timer never keeps the process alive. */
  after(delayMs: number, wake: () => void): () => void;
}

/** Node clamps longer timers to 1 ms with a warning, so longer waits are cut to this (24.8 days). */
const longestTimerMs = 2 ** 31 - 1;

const startedAtMs = Date.now() - performance.now();

/** The machine's own clock: wall time at start plus the monotonic time since, so a corrected wall clock moves no deadline. */
export const systemClock: Clock = {
  nowMs: () => startedAtMs + performance.now(),
  after(delayMs, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), longestTimerMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
