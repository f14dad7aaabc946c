// What is left of one limit, requests or tokens a minute: the upstream's last word, less what was sent since, plus what has refilled.
import { Ceiling } from './ceiling.ts';

/** OpenAI refills continuously: the whole limit in a minute. */
const windowMs = 60_000;

/** Sends remembered until the upstream's count includes them; one that never tells its limits would pile them up. */
const sendsKept = 20_000;

/** What the upstream said of one limit; null where it said nothing usable. */
export interface AllowanceReading {
  readonly limit: number | null;
  readonly remaining: number | null;
}

/** Something taken from an allowance. */
export interface Taken {
  readonly atMs: number;
  amount: number;
}

/** One limit of one quota group and model. Times are ms since the epoch. */
export class Allowance {
  /** As the upstream told it; null while it has not. */
  #limit: number | null = null;
  /** The limit set by hand: both hold. */
  #ceiling: Ceiling | undefined;
  /** What was left at `#sinceMs`: by the upstream's word, or full. */
  #remaining = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;
  /** Taken since then. */
  #taken = 0;
  /** What the upstream said last, and when the request left that it answered. */
  #toldRemaining = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  /** Sent since, and so not yet in the upstream's count. */
  #sends: Taken[] = [];

  /** `limit` is one set by hand, null where the upstream alone shall tell. */
  constructor(limit: number | null) {
    this.setCeiling(limit);
  }

  /** Another limit was set by hand; counting towards it begins anew. What the upstream told stays. */
  setCeiling(limit: number | null): void {
    if (limit === (this.#ceiling?.limit ?? null)) return;
    this.#ceiling = limit === null ? undefined : new Ceiling(limit);
  }

  /** The limit set by hand, which holds beside what the upstream tells; undefined where there is none. */
  get ceiling(): Ceiling | undefined {
    return this.#ceiling;
  }

  /** The limit that holds: the smaller one of those that are known; null where none is. */
  get limit(): number | null {
    if (this.#ceiling === undefined) return this.#limit;
    return Math.min(this.#limit ?? Number.POSITIVE_INFINITY, this.#ceiling.limit);
  }

  /** What the upstream told, brought up to now; null where it told no limit. */
  told(nowMs: number): { readonly limit: number; readonly remaining: number } | null {
    return this.#limit === null ? null : { limit: this.#limit, remaining: this.#toldLeft(nowMs) };
  }

  /** What may still be sent; infinite while no limit is known. */
  left(nowMs: number): number {
    const told = this.#toldLeft(nowMs);
    return this.#ceiling === undefined ? told : Math.min(told, this.#ceiling.left(nowMs));
  }

  /** What is left as a share of the limit, 0 to 1; 1 while no limit is known. */
  share(nowMs: number): number {
    const told = this.#limit === null ? 1 : this.#toldLeft(nowMs) / this.#limit;
    const share = this.#ceiling === undefined ? told : Math.min(told, this.#ceiling.left(nowMs) / this.#ceiling.limit);
    return Math.min(Math.max(share, 0), 1);
  }

  /** When `amount` will be left, in ms since the epoch; `nowMs` where it is. What is more than the limit waits for a full one. */
  freeAtMs(amount: number, nowMs: number): number {
    const told = this.#toldFreeAtMs(amount, nowMs);
    return this.#ceiling === undefined ? told : Math.max(told, this.#ceiling.freeAtMs(amount, nowMs));
  }

  /** Counts something as sent. */
  take(amount: number, nowMs: number): Taken {
    const taken = { atMs: nowMs, amount };
    this.#count(taken);
    this.#ceiling?.take(amount, nowMs);
    this.#sends.push(taken);
    if (this.#sends.length > sendsKept) this.#sends = this.#sends.slice(sendsKept / 2);
    return taken;
  }

  /** It never reached the upstream. */
  giveBack(taken: Taken): void {
    if (this.#limit !== null && (!this.#isTold || this.#sends.includes(taken))) this.#taken -= taken.amount;
    this.#ceiling?.take(-taken.amount, taken.atMs);
    taken.amount = 0;
  }

  /** Takes over what the upstream said in the answer to a request that left at `sentAtMs`. An older word than the last is passed over. */
  learn({ limit, remaining }: AllowanceReading, sentAtMs: number): void {
    if (sentAtMs < this.#toldAtMs) return;
    // A limit of nothing would be a refusal, and those come as errors: it is taken for nonsense.
    if (limit !== null && limit > 0) this.#limit = limit;
    if (remaining === null || this.#limit === null) return;
    const isSameMoment = sentAtMs === this.#toldAtMs;
    this.#toldRemaining = Math.min(remaining, isSameMoment ? this.#toldRemaining : this.#limit);
    this.#toldAtMs = sentAtMs;
    this.#remaining = this.#toldRemaining;
    this.#sinceMs = sentAtMs;
    this.#taken = 0;
    this.#recount(sentAtMs);
  }

  #toldLeft(nowMs: number): number {
    if (this.#limit === null) return Number.POSITIVE_INFINITY;
    return Math.min(this.#limit, this.#level(this.#limit, nowMs));
  }

  #toldFreeAtMs(amount: number, nowMs: number): number {
    if (this.#limit === null) return nowMs;
    const missing = Math.min(amount, this.#limit) - this.#toldLeft(nowMs);
    return missing <= 0 ? nowMs : nowMs + (missing / this.#limit) * windowMs;
  }

  get #isTold(): boolean {
    return this.#toldAtMs !== Number.NEGATIVE_INFINITY;
  }

  /** Forgets what is in the upstream's count now, and counts the rest anew; in one walk, for every answer comes here. */
  #recount(sentAtMs: number): void {
    const sends = this.#sends;
    let kept = 0;
    let hasOwn = false;
    for (let i = 0; i < sends.length; i += 1) {
      const send = sends[i] as Taken;
      if (send.atMs < sentAtMs) continue;
      // Of several that left in the same moment only the one that was answered is surely in it.
      if (send.atMs === sentAtMs && !hasOwn) {
        hasOwn = true;
        continue;
      }
      sends[kept] = send;
      kept += 1;
      this.#count(send);
    }
    sends.length = kept;
  }

  /** Where it was full before, counting begins anew there: else what no answer ever confirms would be missing for good. */
  #count({ atMs, amount }: Taken): void {
    const limit = this.#limit;
    if (limit === null) return;
    if (this.#level(limit, atMs) > limit) {
      this.#remaining = limit;
      this.#sinceMs = atMs;
      this.#taken = 0;
    }
    this.#taken += amount;
  }

  #level(limit: number, nowMs: number): number {
    return this.#remaining + (Math.max(nowMs - this.#sinceMs, 0) / windowMs) * limit - this.#taken;
  }
}
