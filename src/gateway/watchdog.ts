// Calls when nothing has come for too long. Feeding it costs an assignment, so every chunk may.
import type { Clock } from '../lib/clock.ts';

/** Who is told of silence. */
export interface SilenceListener {
  onSilence(): void;
}

/** Watches for silence. One timer runs at most, and is set anew only when it fires. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #listener: SilenceListener;
  #limitMs = 0;
  #sinceMs = 0;
  #isPaused = false;
  #firesAtMs = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, listener: SilenceListener) {
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Begins anew with a limit in ms. */
  watch(limitMs: number): void {
    this.#limitMs = limitMs;
    this.#sinceMs = this.#clock.nowMs();
    // A timer that fires no later looks how much is left, and goes on from there.
    if (this.#cancel !== undefined && this.#firesAtMs <= this.#sinceMs + limitMs) return;
    this.#cancel?.();
    this.#wakeIn(limitMs, this.#sinceMs);
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
      this.#wakeIn(leftMs, this.#clock.nowMs());
      return;
    }
    this.#cancel = undefined;
    this.#listener.onSilence();
  };

  #wakeIn(delayMs: number, nowMs: number): void {
    this.#firesAtMs = nowMs + delayMs;
    this.#cancel = this.#clock.after(delayMs, this.#check);
  }
}
