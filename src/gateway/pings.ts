// Keeps a stream's connection in use while the upstream is silent: comments, which every reader of events passes over.
import type { ClientAnswer, Exchange } from '../core/exchange.ts';
import type { Clock } from '../lib/clock.ts';

const comment = Buffer.from(': ping\n\n');
const streamHead = [
  'content-type',
  'text/event-stream; charset=utf-8',
  'cache-control',
  'no-cache',
  'x-accel-buffering',
  'no',
];

/**
 * An answer that does not fall silent: after `afterMs` without a byte it sends a comment, and the head of a stream before
 * the first. From then on the status is 200. A later failure is an event of the stream, and until content goes out
 * another account may still serve.
 */
export class PingedAnswer implements ClientAnswer, Disposable {
  readonly #answer: ClientAnswer;
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #head: readonly string[];
  /** By whoever answers, not by a comment. */
  #isStarted = false;
  #hasPinged = false;
  /** What is answered is no stream, and its end becomes an event. */
  #becomesEvent = false;
  #lastMs = 0;
  #cancel = (): void => {};

  constructor({ answer, id }: Pick<Exchange, 'answer' | 'id'>, clock: Clock, afterMs: number) {
    this.#answer = answer;
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#head = [...streamHead, 'x-request-id', id, 'x-aigateway-request-id', id];
  }

  get isStarted(): boolean {
    return this.#isStarted;
  }

  get sentBytes(): number {
    return this.#answer.sentBytes;
  }

  /** It has become known that a stream is asked for. */
  begin(): void {
    this.#lastMs = this.#clock.nowMs();
    this.#watch(this.#afterMs);
  }

  start(status: number, headers: readonly string[]): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (!this.#hasPinged) this.#answer.start(status, headers);
    else this.#becomesEvent = !isStream(headers);
  }

  write(bytes: Uint8Array): boolean {
    this.#lastMs = this.#clock.nowMs();
    return this.#answer.write(bytes);
  }

  onceWritable(resume: () => void): void {
    this.#answer.onceWritable(resume);
  }

  end(bytes?: Uint8Array | string): void {
    this[Symbol.dispose]();
    this.#answer.end(this.#becomesEvent && bytes !== undefined ? eventOf(bytes) : bytes);
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  #watch(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => {
      const leftMs = this.#lastMs + this.#afterMs - this.#clock.nowMs();
      if (leftMs > 0) {
        this.#watch(leftMs);
        return;
      }
      this.#ping();
      this.#watch(this.#afterMs);
    });
  }

  #ping(): void {
    // What has started here is a stream: an answer in one piece starts and ends in one step.
    if (!this.#isStarted && !this.#hasPinged) {
      this.#hasPinged = true;
      this.#answer.start(200, this.#head);
    }
    this.write(comment);
  }
}

/** The exchange with another answer. */
export function withAnswer(exchange: Exchange, answer: ClientAnswer): Exchange {
  const { id, receivedAtMs, method, path, headers, peerAddress, cancellation } = exchange;
  const header = (name: string): string | undefined => exchange.header(name);
  const readBody: Exchange['readBody'] = (room) => exchange.readBody(room);
  return { id, receivedAtMs, method, path, headers, peerAddress, cancellation, header, readBody, answer };
}

function isStream(headers: readonly string[]): boolean {
  return headers.some(
    (name, i) => i % 2 === 0 && name === 'content-type' && /^text\/event-stream/iu.test(headers[i + 1] ?? ''),
  );
}

/** A body of JSON as one event: in one line, for a line end would cut it. */
function eventOf(body: Uint8Array | string): Buffer {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  return Buffer.from(`data: ${text.replaceAll(/[\r\n]+\s*/gu, '')}\n\n`);
}
