// Commit: the point of no return. Until it is passed nothing has gone to the client and every failure can still be mended.

import { joinBytes } from '../lib/bytes.ts';

/** Where an answer goes once it is committed. */
export interface AnswerSink {
  /** Sends the head. */
  start(): void;
  write(bytes: Uint8Array): void;
}

/** More was held back than may be. */
export class HeldTooLongError extends Error {
  override readonly name = 'HeldTooLongError';
}

/** Holds an answer back until it is opened, then lets everything through. */
export class CommitGate {
  readonly #sink: AnswerSink;
  readonly #limitBytes: number;
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isOpen = false;

  constructor(sink: AnswerSink, limitBytes: number) {
    this.#sink = sink;
    this.#limitBytes = limitBytes;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Passes the point of no return: the head and all that was held go out, in one write. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#sink.start();
    if (this.#held.length > 0) this.#sink.write(joinBytes(this.#held));
    this.#held.length = 0;
  }

  pass(bytes: Uint8Array): void {
    if (this.#isOpen) {
      this.#sink.write(bytes);
      return;
    }
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#limitBytes) throw new HeldTooLongError(`more than ${this.#limitBytes} bytes held back`);
    this.#held.push(bytes);
  }
}
