// Writes an answer to the client as fast as the client reads, and no faster than it reads from the upstream.
import type { Exchange } from '../core/exchange.ts';
import type { AnswerSink } from './commit.ts';

/** What it slows down when the client reads slowly. */
export interface Source {
  pause(): void;
  resume(): void;
}

/** Said anew on every stream, so that no proxy on the way holds it back. */
const streamHeaders = ['cache-control', 'no-cache', 'x-accel-buffering', 'no'];
const none: readonly string[] = [];
const saidAnew = new Set(['cache-control', 'x-accel-buffering']);

/** The client's end of one attempt. */
export class ClientSink implements AnswerSink {
  readonly #exchange: Exchange;
  readonly #source: Source;
  readonly #onStart: (status: number) => void;
  /** Nobody listens any more: the answer is only read to its end. */
  #isMuted = false;
  #status = 0;
  #headers = none;

  constructor(exchange: Exchange, source: Source, onStart: (status: number) => void) {
    this.#exchange = exchange;
    this.#source = source;
    this.#onStart = onStart;
  }

  get isMuted(): boolean {
    return this.#isMuted;
  }

  mute(): void {
    this.#isMuted = true;
  }

  /** Sets the head that goes out at the start: headers for the client, name and value in turn. */
  setHead(status: number, headers: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
  }

  start(): void {
    const kept: string[] = [];
    for (let i = 0; i + 1 < this.#headers.length; i += 2) {
      const name = this.#headers[i] as string;
      if (!saidAnew.has(name)) kept.push(name, this.#headers[i + 1] as string);
    }
    kept.push(...streamHeaders);
    this.#start(kept);
  }

  write(bytes: Uint8Array): void {
    if (this.#isMuted || this.#exchange.answer.write(bytes)) return;
    this.#source.pause();
    this.#exchange.answer.onceWritable(() => this.#source.resume());
  }

  /** Sends an answer that is there in one piece. */
  sendWhole(body: Uint8Array, headers: readonly string[]): void {
    this.#start(this.#headers.concat(headers, 'content-length', String(body.length)));
    this.end(body);
  }

  end(bytes?: Uint8Array): void {
    if (!this.#isMuted) this.#exchange.answer.end(bytes);
  }

  #start(headers: readonly string[]): void {
    // Sent once; a stream may last long after that.
    this.#headers = none;
    this.#onStart(this.#status);
    // Not needed again, and a stream may last for long.
    this.#headers = [];
    if (!this.#isMuted) this.#exchange.answer.start(this.#status, headers);
  }
}
