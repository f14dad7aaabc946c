// The connection to Redis behind a breaker: no call waits long, an outage makes calls fail at once, and a probe ends it.
import type { RedisUrl } from '../../core/redis-url.ts';
import type { Clock } from '../../lib/clock.ts';
import { openLink, type Link, type MessageListener } from './link.ts';
import { defineScript, type Script } from './script.ts';

/** The longest that a call waits, where nothing else is said. */
const usualCallMs = 250;
const probeEveryMs = 500;
/** So many calls in a row that fail are an outage; one may only have been unlucky. */
const failuresInRow = 3;

/** Writes, because a server that is full or only a replica answers everything else. */
const probe = defineScript('probe', `redis.call('SET', KEYS[1], '1', 'PX', 10000) return 1`);

/** What a connection is made of. */
export interface ConnectionParts {
  readonly url: RedisUrl;
  readonly clock: Clock;
  /** The longest that a call waits, in ms; 250 where not given. */
  readonly callMs?: number;
  /** Hears once of each outage, and with undefined of its end. */
  readonly onTrouble: (error: Error | undefined) => void;
}

/** Redis cannot be asked at the moment. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

interface Subscription {
  readonly channel: string;
  readonly listener: MessageListener;
}

/** Redis, as far as it answers. */
export class RedisConnection {
  readonly #parts: ConnectionParts;
  readonly #subscriptions = new Set<Subscription>();
  readonly #returnListeners = new Set<() => void>();
  #link: Link | undefined;
  #isTold = false;
  #failures = 0;
  #calls = 0;
  #answeredAtMs = -Infinity;
  #isClosed = false;
  #cancelProbe = (): void => {};

  private constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Tries to connect for a second at most; where that fails, goes on trying in the background. */
  static async open(parts: ConnectionParts): Promise<RedisConnection> {
    const connection = new RedisConnection(parts);
    await connection.#probe();
    return connection;
  }

  /** Whether calls fail at once. */
  get isAway(): boolean {
    return this.#link === undefined;
  }

  /** Ms since it last answered; infinite where it never has. */
  get silentMs(): number {
    return this.#parts.clock.nowMs() - this.#answeredAtMs;
  }

  /** Calls that have gone out so far. */
  get calls(): number {
    return this.#calls;
  }

  /** A key or a channel. What has the same tag lives on the same node of a cluster, and may stand in one script. */
  key(tag: string, name: string): string {
    return `${this.#parts.url.prefix}:{${tag}}:${name}`;
  }

  /** Runs a script on keys of one tag. Rejects after 250 ms at the latest; then nobody knows whether it ran. */
  run(script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    return this.#call((link) => link.run(script, keys, values));
  }

  /** Sends a message to whoever listens now. */
  publish(channel: string, message: string): Promise<void> {
    return this.#call((link) => link.publish(channel, message));
  }

  /** Listens, across outages; what was sent during one is lost. The answer takes the listener back. */
  subscribe(channel: string, listener: MessageListener): () => void {
    const subscription = { channel, listener };
    this.#subscriptions.add(subscription);
    const link = this.#link;
    if (link !== undefined) void this.#listen(link, subscription).catch((error: Error) => this.#lose(link, error));
    return () => this.#subscriptions.delete(subscription);
  }

  /** Calls back whenever an outage is over; the answer takes the listener back. */
  onReturn(listener: () => void): () => void {
    this.#returnListeners.add(listener);
    return () => this.#returnListeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelProbe();
    this.#link?.close();
    this.#link = undefined;
  }

  async #call<T>(ask: (link: Link) => Promise<T>): Promise<T> {
    const link = this.#link;
    if (link === undefined) throw new RedisAwayError('Redis does not answer');
    this.#calls += 1;
    try {
      const answer = await this.#within(ask(link));
      this.#failures = 0;
      this.#answeredAtMs = this.#parts.clock.nowMs();
      return answer;
    } catch (error) {
      // A plain ERR is the answer of a server that is well to a question that is not.
      if (!(error instanceof Error && /^(?:ERR|WRONGTYPE) /u.test(error.message)))
        this.#noteFailure(link, error as Error);
      throw error;
    }
  }

  async #within<T>(answer: Promise<T>): Promise<T> {
    const { clock, callMs = usualCallMs } = this.#parts;
    let cancelTimer = (): void => {};
    const tooLate = new Promise<never>((_, reject) => {
      const giveUp = (): void => reject(new RedisAwayError(`Redis has not answered within ${callMs} ms`));
      // It may be this process that was late: an answer that lies in the socket already is read first.
      cancelTimer = clock.after(callMs, () => setImmediate(() => setImmediate(giveUp)));
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      cancelTimer();
    }
  }

  #noteFailure(link: Link, error: Error): void {
    if (link !== this.#link) return;
    this.#failures += 1;
    if (this.#failures >= failuresInRow) this.#lose(link, error);
  }

  /** The connection is given up, because one that was frozen or cut may stay silent long after the server is back. */
  #lose(link: Link, error: Error): void {
    if (link !== this.#link || this.#isClosed) return;
    this.#link = undefined;
    link.close();
    this.#tell(error);
    void this.#probe();
  }

  #tell(error: Error): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#parts.onTrouble(error);
  }

  async #probe(): Promise<void> {
    let link: Link | undefined;
    let lost: Error | undefined;
    try {
      link = await openLink(this.#parts.url, this.#parts.clock, (error) => {
        lost = error;
        if (link !== undefined) this.#lose(link, error);
      });
      await this.#prepare(link);
      if (lost !== undefined) throw lost;
    } catch (error) {
      link?.close();
      if (this.#isClosed) return;
      this.#tell(error as Error);
      this.#cancelProbe = this.#parts.clock.after(probeEveryMs, () => void this.#probe());
      return;
    }
    if (this.#isClosed) {
      link.close();
      return;
    }
    this.#link = link;
    this.#failures = 0;
    if (this.#isTold) this.#parts.onTrouble(undefined);
    this.#isTold = false;
    for (const listener of this.#returnListeners) listener();
  }

  async #prepare(link: Link): Promise<void> {
    await this.#within(link.run(probe, [this.key('probe', 'probe')], []));
    await Promise.all([...this.#subscriptions].map((subscription) => this.#listen(link, subscription)));
  }

  async #listen(link: Link, subscription: Subscription): Promise<void> {
    const { channel, listener } = subscription;
    const hear: MessageListener = (message, from) => {
      if (this.#subscriptions.has(subscription)) listener(message, from);
    };
    await this.#within(link.subscribe(channel, hear));
  }
}
