// A request body as it comes in: put together in one piece of memory without being there twice.
import { free } from '../lib/bytes.ts';

/** Bodies from this size on get their memory early; smaller ones may well be there twice for a moment. */
const largeBytes = 1 << 20;
/** That much of a body must be there first: whoever only announces it takes no memory. */
const earlyShare = 1 / 4;

/** Collects one body. */
export class BodyBuffer {
  readonly #announcedBytes: number;
  #pieces: Buffer[] = [];
  #whole: Buffer | undefined;
  #bytes = 0;

  /** `announcedBytes` is the length that the client states, undefined where it states none. */
  constructor(announcedBytes: number | undefined) {
    this.#announcedBytes = announcedBytes ?? 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(piece: Buffer): void {
    if (this.#whole === undefined) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
      if (this.#isEarlyEnough()) this.#gather(this.#announcedBytes);
      return;
    }
    if (this.#bytes + piece.length > this.#whole.length) throw new Error('a body is longer than it said');
    this.#whole.set(piece, this.#bytes);
    this.#bytes += piece.length;
    free(piece);
  }

  /** Hands the body over and keeps nothing of it. */
  take(): Uint8Array {
    const [first = new Uint8Array(0)] = this.#pieces;
    const body = this.#whole?.subarray(0, this.#bytes) ?? (this.#pieces.length < 2 ? first : this.#gather(this.#bytes));
    this.#pieces = [];
    this.#whole = undefined;
    return body;
  }

  /** Gives up what has come. */
  clear(): void {
    for (const piece of this.#pieces) free(piece);
    if (this.#whole !== undefined) free(this.#whole);
    this.#pieces = [];
    this.#whole = undefined;
  }

  #isEarlyEnough(): boolean {
    return this.#announcedBytes >= largeBytes && this.#bytes >= this.#announcedBytes * earlyShare;
  }

  #gather(size: number): Buffer {
    const whole = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
      free(piece);
    }
    this.#pieces = [];
    this.#whole = whole;
    return whole;
  }
}
