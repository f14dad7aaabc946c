// The body of a request: comes from the connection, waits until it is wanted, and is handed over in one piece.
import { StoppedError, type BodyRoom, type StopReason } from '../core/exchange.ts';
import { free } from '../lib/bytes.ts';
import type { Cancellation } from '../lib/cancellation.ts';
import type { Soon } from '../lib/soon.ts';
import { BodyBuffer } from './body-buffer.ts';

/** That much is taken in before anybody wants it. */
const earlyBytes = 32 << 10;

/** What brings the bytes. */
export interface BodySource {
  pause(): void;
  resume(): void;
  /** Tells the client that its body is wanted, where it waits for that. */
  invite(): void;
}

/** What a body is read by. */
export interface BodyWish {
  readonly room: BodyRoom;
  /** Throws where a body of so many bytes is too large. */
  readonly checkSize: (bytes: number) => void;
  readonly cancellation: Cancellation<StopReason>;
}

/** Who hears of a body as it comes in. */
interface Reading {
  add(piece: Buffer): void;
  end(): void;
}

/** One body. */
export class RequestBody {
  /** The length that the client states; undefined where it sends chunks. */
  readonly announcedBytes: number | undefined;
  readonly #source: BodySource;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isWhole = false;
  #reading: Reading | undefined;
  #isUnwanted = false;

  constructor(announcedBytes: number | undefined, source: BodySource) {
    this.announcedBytes = announcedBytes;
    this.#source = source;
  }

  /** All of it has come. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** A piece has come. */
  add(piece: Buffer): void {
    if (this.#isUnwanted) {
      free(piece);
      return;
    }
    if (this.#reading !== undefined) {
      this.#reading.add(piece);
      return;
    }
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= earlyBytes) this.#source.pause();
  }

  /** The last piece has come. */
  end(): void {
    this.#isWhole = true;
    // Who is not read from is not heard to go.
    this.#source.resume();
    this.#reading?.end();
  }

  /** Throws what has come and what comes away. */
  discard(): void {
    this.#isUnwanted = true;
    this.#reading = undefined;
    for (const piece of this.#pieces) free(piece);
    this.#pieces = [];
    this.#source.resume();
  }

  /** Reads all of it and keeps nothing; most bodies are there before anybody asks for them. Rejects, or throws, what `room` and `checkSize` throw, and a `StoppedError`. */
  read(wish: BodyWish): Soon<Uint8Array> {
    const { announcedBytes: announced } = this;
    if (announced !== undefined) wish.checkSize(announced);
    if (this.#isWhole && this.#pieces.length < 2) return this.#take(wish);
    return this.#collect(wish);
  }

  #take({ room, checkSize }: BodyWish): Uint8Array {
    const [whole = new Uint8Array(0)] = this.#pieces;
    this.#pieces = [];
    room.begin(this.announcedBytes, () => {});
    checkSize(whole.length);
    if (whole.length > 0) room.add(whole.length);
    room.end();
    return whole;
  }

  #collect({ room, checkSize, cancellation }: BodyWish): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const body = new BodyBuffer(this.announcedBytes);
      let stopWaiting = (): void => {};
      // Whoever holds on to the promise must not hold on to the body.
      const stopReading = (): void => {
        this.#reading = undefined;
        stopWaiting();
      };
      const stop = (error: Error): void => {
        stopReading();
        this.#source.pause();
        body.clear();
        reject(error);
      };
      const reading: Reading = {
        add(piece) {
          try {
            checkSize(body.bytes + piece.length);
            room.add(piece.length);
          } catch (error) {
            stop(error as Error);
            return;
          }
          body.add(piece);
        },
        end() {
          stopReading();
          room.end();
          resolve(body.take());
        },
      };
      room.begin(this.announcedBytes, stop);
      const early = this.#pieces;
      this.#pieces = [];
      this.#reading = reading;
      stopWaiting = cancellation.onCancel((reason) => stop(new StoppedError(reason)));
      for (const piece of early) if (this.#reading === reading) reading.add(piece);
      if (this.#reading !== reading) return;
      if (this.#isWhole) {
        reading.end();
        return;
      }
      this.#source.invite();
      this.#source.resume();
    });
  }
}
