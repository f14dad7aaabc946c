// Where the log's lines leave the process: who takes them may be slow, full or gone, and the gateway goes on.
import { write } from 'node:fs';
import { TextBytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';

/** What waits for who takes no lines; those beyond it are let go. */
const mostHeldCharacters = 8 << 20;
/** A pipe that is full, or a disk, is asked again after this. */
const againAfterMs = 100;
/** How long the end of the process waits for the last lines. */
const longestEndMs = 500;

/** Writes some of the bytes, in order, and says how many it has taken. */
export type WriteSome = (bytes: Uint8Array, done: (error: Error | null, taken: number) => void) => void;

/** What writes to the standard output of this process. */
export const toStandardOutput: WriteSome = (bytes, done) => write(1, bytes, done);

/** What an output is made of. */
export interface LogOutputParts {
  readonly write: WriteSome;
  readonly clock: Clock;
  /** Hears once why nothing can be written, and not that a reader is slow. */
  readonly onTrouble: (error: Error) => void;
  /** Hears how many lines were let go, when there is room for lines again. */
  readonly onLost: (lines: number) => void;
}

/** Writes one piece after the other, each as one where the system takes it so. */
export class LogOutput {
  readonly #parts: LogOutputParts;
  #pieces: string[] = [];
  #heldCharacters = 0;
  /** One piece is on its way at a time. */
  readonly #bytes = new TextBytes();
  /** What the system has not taken yet of the piece whose turn it is. */
  #rest: Uint8Array | undefined;
  #lostLines = 0;
  #isInTrouble = false;
  #isOver = false;
  #onEmpty = (): void => {};

  constructor(parts: LogOutputParts) {
    this.#parts = parts;
  }

  /** Takes whole lines. */
  write(piece: string): void {
    if (this.#isOver) return;
    if (this.#heldCharacters + piece.length > mostHeldCharacters) {
      this.#lostLines += piece.split('\n').length - 1;
      return;
    }
    this.#heldCharacters += piece.length;
    this.#pieces.push(piece);
    if (this.#rest === undefined) this.#writeNext();
  }

  /** Waits a moment for what is still to be written; what is left then is let go, and so is what comes later. */
  async end(): Promise<void> {
    if (this.#rest !== undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, longestEndMs);
        this.#onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isOver = true;
  }

  #writeNext(): void {
    const piece = this.#pieces.shift();
    if (piece === undefined) {
      this.#rest = undefined;
      this.#onEmpty();
      return;
    }
    this.#heldCharacters -= piece.length;
    this.#writeRest(this.#bytes.of(piece));
  }

  #writeRest(rest: Uint8Array): void {
    this.#rest = rest;
    this.#parts.write(rest, (error, taken) => {
      if (this.#isOver) return;
      if (error !== null) {
        this.#tell(error);
        this.#parts.clock.after(againAfterMs, () => this.#writeRest(rest));
      } else if (taken < rest.length) {
        this.#writeRest(rest.subarray(taken));
      } else {
        this.#isInTrouble = false;
        this.#writeNext();
        this.#tellLost();
      }
    });
  }

  #tell(error: Error): void {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN' || this.#isInTrouble) return;
    this.#isInTrouble = true;
    this.#parts.onTrouble(error);
  }

  #tellLost(): void {
    const lines = this.#lostLines;
    if (lines === 0 || this.#heldCharacters > mostHeldCharacters / 2) return;
    this.#lostLines = 0;
    this.#parts.onLost(lines);
  }
}
