// What the workers of one supervisor share, in its memory: it does by name what Redis does by script, with the same answers.
import type { Clock } from '../../lib/clock.ts';
import { KeptBook } from './kept-book.ts';
import { ShareBook } from './share-book.ts';

const tidyEveryMs = 60_000;

/** The store. It is lost with the supervisor, and all that could ask it ends then, too. */
export class LocalStore {
  readonly #clock: Clock;
  readonly #shares = new ShareBook();
  readonly #kept = new KeptBook();
  /** Worker → when it announced itself last. */
  readonly #seen = new Map<string, number>();
  #tidiedAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does one step; undefined where there is none of this name, because the worker is of a newer version. */
  run(script: string, keys: readonly string[], values: readonly string[]): unknown {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#tidiedAtMs >= tidyEveryMs) {
      this.#tidiedAtMs = nowMs;
      this.#shares.tidy(nowMs);
    }
    return this.#steps[script]?.(keys, values, nowMs);
  }

  readonly #steps: Readonly<
    Record<string, (keys: readonly string[], values: readonly string[], nowMs: number) => unknown>
  > = {
    divide: (keys, values, nowMs) => this.#shares.divide(keys, values, nowMs),
    bury: (keys, values, nowMs) => this.#shares.bury(keys, values, nowMs),
    announce: (_keys, [id = '', aliveMs], nowMs) => {
      this.#seen.set(id, nowMs);
      for (const [other, seenAtMs] of this.#seen) if (seenAtMs <= nowMs - Number(aliveMs)) this.#seen.delete(other);
      return this.#seen.size;
    },
    withdraw: (_keys, [id = '']) => Number(this.#seen.delete(id)),
    keep: (_keys, values) => this.#kept.keep(values),
    forget: (_keys, values) => this.#kept.forget(values),
    read: (_keys, values) => this.#kept.read(values),
  };
}
