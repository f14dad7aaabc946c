// From starting over ready to draining: what runs, and how it is brought to a good end.
import type { StopReason } from '../core/exchange.ts';
import type { Cancellation } from '../lib/cancellation.ts';
import type { Clock } from '../lib/clock.ts';
import { Roster, type RosterMember } from '../lib/roster.ts';

/** How long the listener stays open after the end was announced, so that load balancers can look away first. */
const graceMs = 1000;
/** How long requests that were told to stop may take to say goodbye. */
const goodbyeMs = 1000;

interface Stoppable extends RosterMember {
  readonly cancellation: Cancellation<StopReason>;
}

/** The listener as its end sees it. */
interface Closable {
  /** Takes no connection any more, and closes those on which nothing is under way. */
  close(): void;
  closeAll(): void;
}

/** The state of the process and the requests under way. */
export class Lifecycle {
  #state: 'starting' | 'ready' | 'draining' = 'starting';
  readonly #running = new Roster<Stoppable>();
  #onIdle = (): void => {};

  get state(): 'starting' | 'ready' | 'draining' {
    return this.#state;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Everything is in place. */
  open(): void {
    if (this.#state === 'starting') this.#state = 'ready';
  }

  /** An exchange runs. */
  begin(exchange: Stoppable): void {
    this.#running.add(exchange);
  }

  /** It runs no more. */
  end(exchange: Stoppable): void {
    this.#running.delete(exchange);
    if (this.#running.size === 0) this.#onIdle();
  }

  /**
   * Announces the end, closes the listener after the grace, lets what runs finish within `timeoutMs` of the announcement
   * and tells the rest to stop. Resolves when nothing runs any more.
   */
  async drain(listener: Closable, clock: Clock, timeoutMs: number): Promise<void> {
    this.#state = 'draining';
    const openMs = Math.min(graceMs, timeoutMs);
    await delay(clock, openMs);
    listener.close();
    await Promise.race([this.#idle(), delay(clock, timeoutMs - openMs)]);
    this.#running.forEach(({ cancellation }) => cancellation.cancel('shutdown'));
    await Promise.race([this.#idle(), delay(clock, goodbyeMs)]);
    // What is left are answers in the buffers of slow readers, and connections kept alive.
    listener.closeAll();
  }

  #idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }
}

function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
