// A worker's connection to what it shares with the others, in its supervisor's memory: in place of one to Redis.
import type { Clock } from '../../lib/clock.ts';
import type { Script } from '../redis/script.ts';
import type { SharedConnection } from '../redis/shared-connection.ts';

/** The longest that a step may take: a request waits a second for its limits, and is to be decided here before that. */
const longestMs = 750;

/** The line to the supervisor. */
export interface StoreLine {
  /** It has ended, and so will this process. */
  readonly isLost: boolean;
  /** Has a step done; rejects where the line is lost. */
  ask(script: string, keys: readonly string[], values: readonly string[]): Promise<unknown>;
  /** Tells all others. */
  publish(channel: string, message: string): void;
  /** Hears what others tell. */
  onPublished(listener: (channel: string, message: string) => void): void;
}

/** The supervisor has not answered. */
export class StoreSilentError extends Error {
  override readonly name = 'StoreSilentError';
}

/** The connection. */
export class LocalConnection implements SharedConnection {
  readonly #line: StoreLine;
  readonly #clock: Clock;
  readonly #subscriptions = new Map<(message: string, channel: string) => void, string>();

  constructor(line: StoreLine, clock: Clock) {
    this.#line = line;
    this.#clock = clock;
    line.onPublished((channel, message) => {
      for (const [listener, listened] of this.#subscriptions) if (listened === channel) listener(message, channel);
    });
  }

  get isAway(): boolean {
    return this.#line.isLost;
  }

  /** Without the supervisor nobody knows what the others do. */
  get silentMs(): number {
    return this.#line.isLost ? Infinity : 0;
  }

  key(tag: string, name: string): string {
    return `${tag}:${name}`;
  }

  async run({ name }: Script, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    const late = Promise.withResolvers<never>();
    const giveUp = (): void =>
      late.reject(new StoreSilentError(`the supervisor has not answered within ${longestMs} ms`));
    // It may be this process that was late: an answer that has come already is read first.
    const cancel = this.#clock.after(longestMs, () => setImmediate(() => setImmediate(giveUp)));
    try {
      return await Promise.race([this.#line.ask(name, keys, values), late.promise]);
    } finally {
      cancel();
    }
  }

  async publish(channel: string, message: string): Promise<void> {
    this.#line.publish(channel, message);
  }

  subscribe(channel: string, listener: (message: string, channel: string) => void): () => void {
    this.#subscriptions.set(listener, channel);
    return () => this.#subscriptions.delete(listener);
  }

  /** It never comes back. */
  onReturn(): () => void {
    return () => {};
  }

  close(): void {
    this.#subscriptions.clear();
  }
}
