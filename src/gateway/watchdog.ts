// Calls when nothing has come for too long. Feeding it costs an assignment, so every chunk may.
import type { Clock } from '../lib/clock.ts';

/** Watches for silence. One timer runs at most, and is set anew only when it fires. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #limitMs = 0;
  #sinceMs = 0;
  #isPaused = false;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /** Begins anew with a limit in ms. */
  watch(limitMs: number): void {
    this.#limitMs = limitMs;
    this.#sinceMs = this.#clock.nowMs();
    this.#cancel?.();
    this.#cancel = this.#clock.after(limitMs, this.#check);
  }

  /** Something has come. */
  feed(): void {
    this.#sinceMs = this.#clock.nowMs();
  }

  /** Silence is of our own making: the client does not read. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.feed();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #check = (): void => {
    const leftMs = this.#isPaused ? this.#limitMs : this.#sinceMs + this.#limitMs - this.#clock.nowMs();
    if (leftMs > 0) {
      this.#cancel = this.#clock.after(leftMs, this.#check);
      return;
    }
    this.#cancel = undefined;
    this.#onSilence();
  };
}
