// The queue for accounts that are busy or throttled: fair between client keys, first come first served within one.
import type { Clock } from '../lib/clock.ts';
import { FairQueue } from './fair-queue.ts';
import { Lease } from './lease.ts';
import type { Pool } from './pool.ts';
import type { Wish } from './select.ts';

/** One request that waits. */
interface Waiter {
  readonly wish: Wish;
  readonly settle: (found: Lease | undefined) => void;
}

/** What a wait is about. */
export interface Wait {
  readonly wish: Wish;
  /** Who waits: the client key. */
  readonly flow: string;
  /** When waiting ends in vain, in ms since the epoch. */
  readonly untilMs: number;
  readonly cancellation: { onCancel(listener: () => void): () => void };
}

interface Room {
  readonly queue: FairQueue<Waiter>;
  cancelTimer: () => void;
}

/** A queue for each provider and model: whoever waits for one is not held up by those who wait for another. */
export class WaitingRooms {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #rooms = new Map<string, Room>();

  constructor(pool: Pool, clock: Clock, random: () => number) {
    this.#pool = pool;
    this.#clock = clock;
    this.#random = random;
    pool.onFree(() => {
      for (const [key, room] of this.#rooms) this.#serve(key, room);
    });
  }

  /** How many wait. */
  get waiting(): number {
    let count = 0;
    for (const { queue } of this.#rooms.values()) count += queue.length;
    return count;
  }

  /** Whether somebody waits for the same already: a newcomer goes behind them. */
  isBusy(wish: Wish): boolean {
    return this.#rooms.size > 0 && this.#rooms.has(keyOf(wish));
  }

  /** Waits for a lease; undefined where none came in time, or the request was stopped. */
  wait({ wish, flow, untilMs, cancellation }: Wait): Promise<Lease | undefined> {
    const { promise, resolve } = Promise.withResolvers<Lease | undefined>();
    const key = keyOf(wish);
    const room = this.#rooms.get(key) ?? { queue: new FairQueue<Waiter>(), cancelTimer: () => {} };
    this.#rooms.set(key, room);
    const settle = (found: Lease | undefined): void => {
      cancelTimeout();
      stopListening();
      resolve(found);
    };
    const waiter: Waiter = { wish, settle };
    const leave = (): void => {
      room.queue.remove(flow, waiter);
      settle(undefined);
      this.#serve(key, room);
    };
    let stopListening = (): void => {};
    const cancelTimeout = this.#clock.after(untilMs - this.#clock.nowMs(), leave);
    room.queue.add(flow, waiter, wish.tokens);
    stopListening = cancellation.onCancel(leave);
    this.#serve(key, room);
    return promise;
  }

  /** Serves whoever is first as long as somebody is free, then sleeps until somebody is. */
  #serve(key: string, room: Room): void {
    room.cancelTimer();
    for (;;) {
      const first = room.queue.first();
      if (first === undefined) {
        this.#rooms.delete(key);
        return;
      }
      const nowMs = this.#clock.nowMs();
      const found = this.#pool.acquire(first.wish, nowMs, this.#random());
      if (found instanceof Lease) {
        room.queue.takeFirst();
        first.settle(found);
      } else if (found.freeAtMs === undefined) {
        // What is in the way now does not pass with time: waiting is in vain.
        room.queue.takeFirst();
        first.settle(undefined);
      } else {
        this.#sleep(key, room, found.freeAtMs, nowMs);
        return;
      }
    }
  }

  /** Where somebody is only busy, nobody knows for how long: their lease's end tells. */
  #sleep(key: string, room: Room, freeAtMs: number, nowMs: number): void {
    if (freeAtMs <= nowMs) return;
    room.cancelTimer = this.#clock.after(Math.max(freeAtMs - nowMs, 1), () => this.#serve(key, room));
  }
}

function keyOf({ providerId, model }: Wish): string {
  return `${providerId} ${model}`;
}
