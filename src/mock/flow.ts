// The waits of one answer: for time to pass, for the reader to catch up, for the other side to close.
import type { ServerResponse } from 'node:http';

/** How often a full connection is looked at before a reset, and for how long at most. */
const SETTLE_STEP_MS = 10;
const SETTLE_STEPS = 100;

/** Every wait ends at once when the connection closes. */
export class Flow {
  readonly #response: ServerResponse;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    const wake = (): void => this.#wake?.();
    response.on('drain', wake);
    response.once('close', () => {
      this.#isClosed = true;
      wake();
    });
  }

  /** The connection is gone. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Waits `ms`. */
  async pause(ms: number): Promise<void> {
    if (ms === 0) return new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + ms;
    for (let left = ms; left > 0 && !this.#isClosed; left = until - performance.now()) await this.#wakened(left);
  }

  /** Waits until the connection takes bytes again. */
  async drained(): Promise<void> {
    while (this.#response.writableNeedDrain && !this.#isClosed) await this.#wakened();
  }

  /** Waits until the connection is closed. */
  async closed(): Promise<void> {
    while (!this.#isClosed) await this.#wakened();
  }

  /** Waits until what was written has left this process, and a moment longer for it to arrive. */
  async settled(): Promise<void> {
    for (let step = 0; step < SETTLE_STEPS && !this.#isClosed; step += 1) {
      await this.pause(SETTLE_STEP_MS);
      if (this.#response.writableLength === 0 && this.#response.socket?.writableLength === 0) break;
    }
    await this.pause(SETTLE_STEP_MS);
  }

  #wakened(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
