// Writes an answer to the client as fast as the client reads, and no faster than it reads from the upstream.
import type { ClientAnswer, Exchange } from '../core/exchange.ts';
import type { AnswerSink } from './commit.ts';

/** Whose answer it writes. */
export interface SinkOwner {
  /** The head goes out now. */
  onStart(status: number): void;
  /** The client reads slowly. */
  pause(): void;
  /** It has caught up. */
  resume(): void;
}

/** Said anew on every stream, so that no proxy on the way holds it back. */
const streamHeaders = ['cache-control', 'no-cache', 'x-accel-buffering', 'no'];
const none: readonly string[] = [];
const streamType = 'text/event-stream';
const saidAnew = new Set(['cache-control', 'x-accel-buffering']);

/** The client's end of one attempt. */
export class ClientSink implements AnswerSink {
  readonly #answer: ClientAnswer;
  readonly #owner: SinkOwner;
  /** Nobody listens any more: the answer is only read to its end. */
  #isMuted = false;
  #status = 0;
  #headers: string[] = [];
  #own = none;

  constructor(exchange: Exchange, owner: SinkOwner) {
    this.#answer = exchange.answer;
    this.#owner = owner;
  }

  get isMuted(): boolean {
    return this.#isMuted;
  }

  mute(): void {
    this.#isMuted = true;
  }

  /** Sets the head that goes out at the start: the upstream's headers for the client, which are the sink's from now on, and the gateway's own; name and value in turn. */
  setHead(status: number, headers: string[], own: readonly string[]): void {
    this.#status = status;
    this.#headers = headers;
    this.#own = own;
  }

  start(): void {
    const all: string[] = [];
    let isDeclared = false;
    for (let i = 0; i + 1 < this.#headers.length; i += 2) {
      const name = this.#headers[i] as string;
      if (saidAnew.has(name)) continue;
      const value = this.#headers[i + 1] as string;
      if (name === 'content-type') {
        if (isDeclared || !value.toLowerCase().startsWith(streamType)) continue;
        isDeclared = true;
      }
      all.push(name, value);
    }
    if (!isDeclared) all.push('content-type', `${streamType}; charset=utf-8`);
    this.#start(all, streamHeaders);
  }

  write(bytes: Uint8Array): void {
    if (this.#isMuted || this.#answer.write(bytes)) return;
    this.#owner.pause();
    this.#answer.onceWritable(() => this.#owner.resume());
  }

  /** Sends an answer that is there in one piece. */
  sendWhole(body: Uint8Array, headers: readonly string[]): void {
    this.#start(this.#headers, headers, String(body.length));
    this.end(body);
  }

  end(bytes?: Uint8Array): void {
    if (!this.#isMuted) this.#answer.end(bytes);
  }

  /** `all` is the list that goes out, the gateway's own and what else is to be said are put behind it. */
  #start(all: string[], more: readonly string[], length?: string): void {
    // To join lists costs more than the rest of the head.
    for (const text of this.#own) all.push(text);
    for (const text of more) all.push(text);
    if (length !== undefined) all.push('content-length', length);
    // Sent once; a stream may last long after that.
    this.#headers = [];
    this.#own = none;
    this.#owner.onStart(this.#status);
    if (!this.#isMuted) this.#answer.start(this.#status, all);
  }
}
