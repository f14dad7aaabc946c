// The main thread's end of the counting thread: started at the first count, ended when there has been none for a while.
import { Worker } from 'node:worker_threads';
import { guessedBytesPerToken, type CountedKind, type Encoding, type TokenEstimator } from '../core/token-estimator.ts';
import type { Clock } from '../lib/clock.ts';
import type { CountAnswer, CountRequest } from './worker.ts';

/** How long a count may take, the thread's start included, before it is guessed. */
const countTimeoutMs = 5000;
/** The thread costs tens of MB while it lives. */
const idleMs = 60_000;
/** What waits to be counted; more than this is guessed. */
const mostWaitingBytes = 16 << 20;
/** How long the end of the process waits for counts. */
const closeTimeoutMs = 2000;
const threadHeapMb = 256;

interface Waiting {
  readonly n: number;
  readonly bytes: number;
  readonly settle: (tokens: number | undefined) => void;
}

/** A token estimator whose thread comes and goes. */
export class ThreadEstimator implements TokenEstimator {
  readonly #clock: Clock;
  readonly #onTrouble: (error: Error) => void;
  readonly #begin: () => Worker;
  #worker: Worker | undefined;
  /** In the order in which they were sent, and nearly always answered. No `Map`: it would keep who is long gone (`lib/roster.ts`). */
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #count = 0;
  #isClosed = false;
  #cancelIdle = (): void => {};
  #onEmpty = (): void => {};

  /** `onTrouble` hears why counts have to be guessed. `begin` begins a thread: our own where not given. */
  constructor(clock: Clock, onTrouble: (error: Error) => void, begin: () => Worker = beginThread) {
    this.#clock = clock;
    this.#onTrouble = onTrouble;
    this.#begin = begin;
  }

  /** The thread lives. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  async count(kind: CountedKind, encoding: Encoding, bytes: Uint8Array): Promise<number> {
    const guess = Math.ceil(bytes.length / guessedBytesPerToken);
    return (await this.countExactly(kind, encoding, bytes)) ?? guess;
  }

  countExactly(kind: CountedKind, encoding: Encoding, bytes: Uint8Array): Promise<number | undefined> {
    const size = bytes.length;
    if (this.#isClosed || this.#waitingBytes + size > mostWaitingBytes) return Promise.resolve(undefined);
    const worker = (this.#worker ??= this.#start());
    if (worker === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#count += 1;
      const n = this.#count;
      const cancelTimeout = this.#clock.after(countTimeoutMs, () => {
        void this.#end(new Error(`a count took longer than ${countTimeoutMs} ms`));
      });
      this.#waiting.push({
        n,
        bytes: size,
        settle(tokens) {
          cancelTimeout();
          resolve(tokens);
        },
      });
      this.#waitingBytes += size;
      this.#cancelIdle();
      worker.ref();
      // A view is sent with all that lies behind it: only what is to be counted is copied, and then moved.
      const copy = new Uint8Array(bytes);
      worker.postMessage({ n, kind, encoding, bytes: copy } satisfies CountRequest, [copy.buffer]);
    });
  }

  /** Waits a moment for what is being counted, guesses the rest, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
        this.#clock.after(closeTimeoutMs, resolve);
      });
    }
    await this.#end(undefined);
    // Whoever waited for a count goes on before this one is over.
    await new Promise(setImmediate);
  }

  /** Undefined where the system gives no thread. */
  #start(): Worker | undefined {
    let worker: Worker;
    try {
      worker = this.#begin();
    } catch (error) {
      this.#onTrouble(error as Error);
      return undefined;
    }
    const isOurs = (): boolean => worker === this.#worker;
    worker.on('message', (answer: CountAnswer) => isOurs() && this.#settle(answer));
    worker.on('error', (error: Error) => isOurs() && void this.#end(error));
    worker.on('exit', () => isOurs() && void this.#end(new Error('the counting thread ended')));
    return worker;
  }

  #settle({ n, tokens }: CountAnswer): void {
    const place = this.#waiting.findIndex((waiting) => waiting.n === n);
    const [waiting] = place === -1 ? [] : this.#waiting.splice(place, 1);
    if (waiting === undefined) return;
    this.#waitingBytes -= waiting.bytes;
    waiting.settle(tokens);
    if (this.#waiting.length > 0) return;
    this.#worker?.unref();
    this.#cancelIdle = this.#clock.after(idleMs, () => void this.#end(undefined));
    this.#onEmpty();
  }

  /** Ends the thread; what it has not counted is guessed. */
  async #end(error: Error | undefined): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#cancelIdle();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(undefined);
    this.#waitingBytes = 0;
    this.#onEmpty();
    if (error !== undefined) this.#onTrouble(error);
    await worker?.terminate();
  }
}

function beginThread(): Worker {
  const source = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  return new Worker(source, { resourceLimits: { maxOldGenerationSizeMb: threadHeapMb } });
}
