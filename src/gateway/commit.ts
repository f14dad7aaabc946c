// Commit: the point of no return. Until it is passed nothing has gone to the client and every failure can still be mended.

import { joinBytes } from '../lib/bytes.ts';

/** Where an answer goes once it is committed. */
export interface AnswerSink {
  /** Sends the head. */
  start(): void;
  /** The memory of `bytes` is somebody else's again when this returns. */
  write(bytes: Uint8Array): void;
}

/** Counts bytes of an answer that are held; false where there is no room for them, and then they count all the same. */
export type HoldAnswer = (bytes: number) => boolean;

/** So much of an answer is held without being counted: most are far smaller. */
export const uncountedBytes: number = 1 << 20;

/** More was held back than may be. */
export class HeldTooLongError extends Error {
  override readonly name = 'HeldTooLongError';
}

/** Holds an answer back until it is opened, then lets everything through. */
export class CommitGate {
  readonly #sink: AnswerSink;
  readonly #limitBytes: number;
  readonly #hold: HoldAnswer;
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isOpen = false;

  constructor(sink: AnswerSink, limitBytes: number, hold: HoldAnswer) {
    this.#sink = sink;
    this.#hold = hold;
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

  /** The memory of `bytes` is somebody else's again when this returns. */
  pass(bytes: Uint8Array): void {
    if (this.#isOpen) {
      this.#sink.write(bytes);
      return;
    }
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#limitBytes) throw new HeldTooLongError(`more than ${this.#limitBytes} bytes held back`);
    this.#held.push(joinBytes([bytes]));
    // Rather an answer that can no longer be mended than none: it goes out as it comes.
    if (this.#heldBytes > uncountedBytes && !this.#hold(bytes.length)) this.open();
  }
}
