// A circuit: opens when an upstream keeps failing, and lets one real request through to see whether it is well again.

const windowMs = 30_000;
const slotMs = 3000;
const slots = windowMs / slotMs;
const failuresToOpen = 5;
const firstOpenMs = 10_000;
const longestOpenMs = 300_000;

/** What is counted in three seconds; those of number `n` begin at `n * slotMs`. */
interface Slot {
  readonly number: number;
  readonly calls: number;
  readonly failures: number;
}

/** `closed` lets everything through, `open` nothing, `half_open` the one request that tries. */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** How a circuit came to be open, in ms since the epoch. */
export interface Opening {
  /** The failure that opened it, in one sentence. */
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How often in a row it has opened: each doubles the time. */
  readonly openings: number;
}

/** The circuit of one model on one account. Times are ms since the epoch. */
export class Circuit {
  /** The slot that is counted in now stands here by itself: nearly every request of a busy account comes for it alone. */
  #slot = 0;
  #calls = 0;
  #failures = 0;
  /** The ones before it. */
  #past: Slot[] = [];
  #openedAtMs: number | undefined;
  #openUntilMs = 0;
  #openings = 0;
  #isTrying = false;
  #reason = '';

  state(nowMs: number): CircuitState {
    if (this.#openedAtMs === undefined) return 'closed';
    return nowMs < this.#openUntilMs ? 'open' : 'half_open';
  }

  /** Whether a request may go through now. */
  lets(nowMs: number): boolean {
    const state = this.state(nowMs);
    return state === 'closed' || (state === 'half_open' && !this.#isTrying);
  }

  /** When it lets the next request try. */
  get openUntilMs(): number {
    return this.#openUntilMs;
  }

  get openedAtMs(): number | undefined {
    return this.#openedAtMs;
  }

  /** The failure that opened it, in one sentence. */
  get reason(): string {
    return this.#reason;
  }

  /** How it came to be open; undefined where it is closed. */
  get opening(): Opening | undefined {
    if (this.#openedAtMs === undefined) return undefined;
    const { reason } = this;
    return { reason, sinceMs: this.#openedAtMs, untilMs: this.#openUntilMs, openings: this.#openings };
  }

  /** Opens because another gateway's has opened; of two ends the later one stays. */
  adopt({ reason, sinceMs, untilMs, openings }: Opening, nowMs: number): void {
    if (this.#openedAtMs !== undefined && this.#openUntilMs >= untilMs) return;
    this.#openedAtMs = Math.min(sinceMs, nowMs);
    this.#openUntilMs = untilMs;
    this.#openings = Math.max(openings, this.#openings);
    this.#isTrying = false;
    this.#reason = reason;
    this.#countAnew();
  }

  /** A request goes through; true where it is the one that tries, in the half-open state. */
  begin(nowMs: number): boolean {
    if (this.state(nowMs) !== 'half_open') return false;
    this.#isTrying = true;
    return true;
  }

  /** The request that tries has ended without saying anything about the upstream. */
  forget(): void {
    this.#isTrying = false;
  }

  /** The request that tries is being answered: others may follow. How often it has opened is forgotten at a success only. */
  close(): void {
    // Another gateway's may have failed meanwhile, and then this one is no try any more.
    if (!this.#isTrying) return;
    this.#isTrying = false;
    this.#openedAtMs = undefined;
  }

  /** `isTrial`: it was the request that tries. Others that end while it is open were under way when it opened, and change nothing. */
  succeed(nowMs: number, isTrial: boolean): void {
    if (isTrial) this.close();
    if (this.#openedAtMs !== undefined) return;
    this.#openings = 0;
    this.#goTo(nowMs);
    this.#calls += 1;
  }

  /** `isTrial`: see `succeed`. */
  fail(reason: string, nowMs: number, isTrial: boolean): void {
    if (this.#openedAtMs !== undefined) {
      if (isTrial && this.#isTrying) this.#open(reason, nowMs);
      return;
    }
    this.#goTo(nowMs);
    this.#calls += 1;
    this.#failures += 1;
    let calls = this.#calls;
    let failures = this.#failures;
    for (const past of this.#past) {
      calls += past.calls;
      failures += past.failures;
    }
    if (failures >= failuresToOpen && failures > calls / 2) this.#open(reason, nowMs);
  }

  #open(reason: string, nowMs: number): void {
    this.#isTrying = false;
    this.#openedAtMs ??= nowMs;
    this.#openUntilMs = nowMs + Math.min(firstOpenMs * 2 ** this.#openings, longestOpenMs);
    this.#openings += 1;
    this.#reason = reason;
    this.#countAnew();
  }

  /** Counts in the slot of this moment from now on, and forgets those that have left the window. */
  #goTo(nowMs: number): void {
    const number = Math.floor(nowMs / slotMs);
    if (number === this.#slot) return;
    if (this.#calls > 0) this.#past.push({ number: this.#slot, calls: this.#calls, failures: this.#failures });
    while (this.#past[0] !== undefined && this.#past[0].number <= number - slots) this.#past.shift();
    this.#slot = number;
    this.#calls = 0;
    this.#failures = 0;
  }

  #countAnew(): void {
    this.#calls = 0;
    this.#failures = 0;
    this.#past = [];
  }
}
