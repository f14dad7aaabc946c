// A worker's line to what all workers share: questions and answers over the channel to the supervisor.
import type { StoreLine } from '../shared-state/local/local-connection.ts';
import type { FromWorker } from './messages.ts';

interface Asked {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The line. */
export class SeatLine implements StoreLine {
  readonly #tell: (message: FromWorker) => void;
  readonly #asked = new Map<number, Asked>();
  readonly #listeners: ((channel: string, message: string) => void)[] = [];
  #count = 0;
  #isLost = false;

  constructor(tell: (message: FromWorker) => void) {
    this.#tell = tell;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  ask(script: string, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    if (this.#isLost) return Promise.reject(new Error('the supervisor is gone'));
    this.#count += 1;
    const n = this.#count;
    return new Promise((resolve, reject) => {
      this.#asked.set(n, { resolve, reject });
      this.#tell({ kind: 'ask', n, script, keys, values });
    });
  }

  publish(channel: string, message: string): void {
    this.#tell({ kind: 'publish', channel, message });
  }

  onPublished(listener: (channel: string, message: string) => void): void {
    this.#listeners.push(listener);
  }

  answered(n: number, reply: unknown): void {
    this.#asked.get(n)?.resolve(reply);
    this.#asked.delete(n);
  }

  published(channel: string, message: string): void {
    for (const listener of this.#listeners) listener(channel, message);
  }

  lost(): void {
    this.#isLost = true;
    for (const { reject } of this.#asked.values()) reject(new Error('the supervisor is gone'));
    this.#asked.clear();
  }
}
