// Requests that a budget may still let in: they wait, in order, until money held for others comes back.
import { StoppedError, type StopReason } from '../core/exchange.ts';
import type { Cancellation } from '../lib/cancellation.ts';
import type { Clock } from '../lib/clock.ts';
import type { LimitState } from '../shared-state/limit-state.ts';

/** A key's requests that wait at most; what comes then is refused at once. */
const longestQueue = 1000;

/** One request's place in a queue. Use it with `using`. */
export interface Place extends Disposable {
  /** Waits until it is this request's turn and money may have come free; false where the time is up. Throws a `StoppedError` where the request is stopped. */
  wait(untilMs: number, cancellation: Cancellation<StopReason>): Promise<boolean>;
}

/** The queues of all keys; a key that nobody waits for has none. */
export class BudgetQueues {
  readonly #clock: Clock;
  readonly #state: Pick<LimitState, 'onFreed'>;
  readonly #queues = new Map<string, Queue>();

  constructor(clock: Clock, state: Pick<LimitState, 'onFreed'>) {
    this.#clock = clock;
    this.#state = state;
  }

  /** Whether others of the key wait: who comes now has to stand behind them. */
  isWaiting(keyId: string): boolean {
    return this.#queues.has(keyId);
  }

  /** A place at the end of the key's queue; undefined where it is too long. */
  join(keyId: string): Place | undefined {
    let queue = this.#queues.get(keyId);
    if (queue === undefined) {
      const made: Queue = new Queue(this.#clock, () => {
        stopListening();
        this.#queues.delete(keyId);
      });
      const stopListening = this.#state.onFreed(keyId, () => made.wakeFirst());
      this.#queues.set(keyId, made);
      queue = made;
    }
    return queue.join();
  }
}

class Queue {
  readonly #clock: Clock;
  readonly #onEmpty: () => void;
  readonly #waiting: Waiting[] = [];

  constructor(clock: Clock, onEmpty: () => void) {
    this.#clock = clock;
    this.#onEmpty = onEmpty;
  }

  join(): Place | undefined {
    if (this.#waiting.length >= longestQueue) return undefined;
    const waiting = new Waiting(this.#clock, (left) => this.#leave(left));
    this.#waiting.push(waiting);
    return waiting;
  }

  wakeFirst(): void {
    this.#waiting[0]?.wake();
  }

  /** Whoever leaves, admitted or not, may leave room for the next. */
  #leave(left: Waiting): void {
    const at = this.#waiting.indexOf(left);
    if (at === -1) return;
    this.#waiting.splice(at, 1);
    if (this.#waiting.length === 0) this.#onEmpty();
    else if (at === 0) this.wakeFirst();
  }
}

class Waiting implements Place {
  readonly #clock: Clock;
  readonly #leave: (waiting: Waiting) => void;
  #wake: ((isTurn: boolean) => void) | undefined;
  /** It was woken while nobody listened. */
  #isDue = false;

  constructor(clock: Clock, leave: (waiting: Waiting) => void) {
    this.#clock = clock;
    this.#leave = leave;
  }

  wake(): void {
    this.#isDue = true;
    this.#wake?.(true);
  }

  async wait(untilMs: number, cancellation: Cancellation<StopReason>): Promise<boolean> {
    if (!this.#isDue && !cancellation.isCancelled) {
      await new Promise<boolean>((resolve) => {
        this.#wake = resolve;
        const cancelTimer = this.#clock.after(untilMs - this.#clock.nowMs(), () => resolve(false));
        const stopListening = cancellation.onCancel(() => resolve(false));
        this.#tidy = () => {
          cancelTimer();
          stopListening();
        };
      });
      this.#tidy();
      this.#wake = undefined;
    }
    if (cancellation.reason !== undefined) throw new StoppedError(cancellation.reason);
    const isTurn = this.#isDue;
    this.#isDue = false;
    return isTurn;
  }

  #tidy = (): void => {};

  [Symbol.dispose](): void {
    this.#leave(this);
  }
}
