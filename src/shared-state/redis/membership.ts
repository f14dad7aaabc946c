// Which gateways work together: each announces itself every two seconds, and is forgotten when it has been silent for six.
import type { Clock } from '../../lib/clock.ts';
import { defineScript, serverNow } from './script.ts';
import type { SharedConnection } from './shared-connection.ts';

const beatEveryMs = 2000;
const aliveMs = 6000;

/** Notes the gateway by the server's clock; the answer is how many there are. */
const announce = defineScript(
  'announce',
  `${serverNow}
local now = serverNowMs()
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`,
);

const withdraw = defineScript('withdraw', `return redis.call('ZREM', KEYS[1], ARGV[1])`);

/** This gateway's membership. */
export class Membership {
  /** This process's name among the gateways, new with every start: that of its spool, by which the ledger knows what it spent. */
  readonly id: string;
  readonly #connection: SharedConnection;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #stopListening: () => void;
  #seen = 1;
  #seenBefore = { count: 1, untilMs: 0 };
  #cancelBeat = (): void => {};
  #hasLeft = false;

  private constructor(connection: SharedConnection, clock: Clock, id: string) {
    this.id = id;
    this.#connection = connection;
    this.#clock = clock;
    this.#key = connection.key('gateways', 'seen');
    this.#stopListening = connection.onReturn(() => this.#beatNow());
  }

  /** Announces this gateway, and goes on doing so. */
  static async join(connection: SharedConnection, clock: Clock, id: string): Promise<Membership> {
    const membership = new Membership(connection, clock, id);
    await membership.#beat();
    return membership;
  }

  /** Gateways, this one included, as they were seen last: at least 1. After an outage the others need a moment to come back. */
  get gateways(): number {
    const { count, untilMs } = this.#seenBefore;
    return this.#clock.nowMs() < untilMs ? Math.max(count, this.#seen) : this.#seen;
  }

  /** Tells the others that this gateway is gone. */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    this.#cancelBeat();
    this.#stopListening();
    try {
      await this.#connection.run(withdraw, [this.#key], [this.id]);
    } catch {
      // They will notice.
    }
  }

  #beatNow(): void {
    this.#cancelBeat();
    void this.#beat();
  }

  async #beat(): Promise<void> {
    try {
      this.#note(Number(await this.#connection.run(announce, [this.#key], [this.id, `${aliveMs}`])));
    } catch {
      // The connection tells of it; who was seen last counts on.
    }
    if (!this.#hasLeft) this.#cancelBeat = this.#clock.after(beatEveryMs, () => this.#beatNow());
  }

  #note(count: number): void {
    if (count < this.#seen) this.#seenBefore = { count: this.gateways, untilMs: this.#clock.nowMs() + aliveMs };
    this.#seen = Math.max(count, 1);
  }
}
