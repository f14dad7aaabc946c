// The way back to the client: collects what is written in a turn of the event loop, and sends it as one.
import type { ClientAnswer } from '../core/exchange.ts';
import { free } from '../lib/bytes.ts';
import type { FieldWriter } from '../lib/http1/field-writer.ts';
import { bytesOf, chunkIn, pieceIn, roomWith } from './answer-bytes.ts';
import { framingOf, statesLength, writeAnswerHead, type AnswerFraming } from './answer-head.ts';
import type { RequestBody } from './request-body.ts';
import type { RequestHead } from './request-head.ts';

/** How long the rest of a refused body is read and thrown away, so that the client can read why it was refused. */
const lingerMs = 2000;

/** The connection as an answer sees it. */
export interface AnswerConnection {
  /** Bytes that the client has not taken yet. */
  readonly waitingBytes: number;
  readonly mostWaitingBytes: number;
  /** How long the connection is kept behind an answer, in s. */
  readonly keepAliveSeconds: number;
  /** No other request will be served on it. */
  readonly isClosing: boolean;
  /** No other request is under way anywhere: nothing could be sent together with the end of this answer. */
  readonly isAlone: boolean;
  /** The time as answers tell it. */
  readonly date: string;
  readonly writer: FieldWriter;
  /** Calls back once, at the end of the event loop's turn. */
  postpone(send: () => void): void;
  /** False where the client has enough. */
  send(pieces: readonly Uint8Array[]): boolean;
  /** Sends the last bytes. */
  finish(pieces: readonly Uint8Array[], closes: boolean): void;
}

/** One answer. */
export class HttpAnswer implements ClientAnswer {
  readonly #request: RequestHead;
  readonly #body: RequestBody;
  readonly #connection: AnswerConnection;
  #status = 0;
  /** The lines of the headers, until they have been written. */
  #fields = '';
  #isLengthStated = false;
  #framing: AnswerFraming | undefined;
  #closes = false;
  #sentBytes = 0;
  /** What is to be written at the end of the turn: copies of what was written… */
  #copies: Buffer[] = [];
  /** …and the last piece as it was given. */
  #last: Uint8Array | undefined;
  #waitingBytes = 0;
  #isPostponed = false;
  /** Nothing more will be written. */
  #isComplete = false;
  #isEndWritten = false;
  #isOver = false;
  #linger: NodeJS.Timeout | undefined;
  #onWritable: (() => void)[] = [];

  constructor(request: RequestHead, body: RequestBody, connection: AnswerConnection) {
    this.#request = request;
    this.#body = body;
    this.#connection = connection;
  }

  get isStarted(): boolean {
    return this.#status !== 0;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  start(status: number, headers: readonly string[]): void {
    if (this.isStarted || this.#isOver) return;
    this.#fields = this.#connection.writer.write(headers);
    this.#isLengthStated = statesLength(headers);
    this.#status = status;
  }

  write(bytes: Uint8Array): boolean {
    const { waitingBytes, mostWaitingBytes } = this.#connection;
    this.#sentBytes += bytes.length;
    if (bytes.length > 0 && !this.#isOver) {
      this.#copies.push(roomWith(bytes, waitingBytes > 0));
      this.#waitingBytes += bytes.length;
    }
    this.#postpone();
    // Where the client has gone there is nothing to wait for.
    return this.#isOver || waitingBytes + this.#waitingBytes < mostWaitingBytes;
  }

  onceWritable(resume: () => void): void {
    this.#onWritable.push(resume);
  }

  end(bytes?: Uint8Array | string): void {
    const last = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    const lastBytes = last?.length ?? 0;
    this.#sentBytes += lastBytes;
    this.#waitingBytes += lastBytes;
    this.#last = last;
    this.#isComplete = true;
    if (this.#connection.isAlone && this.#body.isWhole) {
      // What is noted of the request when it is over comes behind its answer then, not before it.
      this.#send();
      return;
    }
    this.#postpone();
    // Closing now would reset the connection under the client's feet before it has read the answer.
    if (!this.#body.isWhole && !this.#isOver) {
      this.#linger = setTimeout(() => this.bodyEnded(), lingerMs).unref();
      this.#body.discard();
    }
  }

  /** The body of the request has come to its end, or has been waited for long enough. */
  bodyEnded(): void {
    if (this.#linger === undefined) return;
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#postpone();
  }

  /** The client has caught up. */
  caughtUp(): void {
    if (this.#onWritable.length === 0) return;
    const resumes = this.#onWritable;
    this.#onWritable = [];
    for (const resume of resumes) resume();
  }

  /** The connection takes nothing more of it: it has all, or is gone. */
  cease(): void {
    this.#isOver = true;
    clearTimeout(this.#linger);
    this.#copies = [];
    this.#last = undefined;
    this.caughtUp();
  }

  readonly #sendPostponed = (): void => {
    // The end may have taken along what was to be sent here.
    if (this.#isPostponed) this.#send();
  };

  /** Sends what has waited. */
  #send(): void {
    this.#isPostponed = false;
    if (this.#isOver) return;
    const head = this.#framing === undefined ? this.#writeHead() : '';
    const copies = this.#copies;
    const last = this.#last;
    const bytes = this.#take(head);
    if (this.#isComplete && this.#linger === undefined) this.#connection.finish(bytes, this.#closes);
    else if (bytes.length === 0 || this.#connection.send(bytes)) this.caughtUp();
    if (this.#connection.waitingBytes > 0) return;
    // Whoever writes next gets the same memory, while it is still in the processor's cache.
    for (const copy of copies) free(copy);
    for (const piece of bytes) if (piece !== last) free(piece);
  }

  /** Takes what has waited, as it goes over the wire behind `head`. */
  #take(head: string): Uint8Array[] {
    const isLast = this.#isComplete && !this.#isEndWritten;
    const isChunked = this.#framing === 'chunked';
    const copies = this.#copies;
    const last = this.#last;
    this.#isEndWritten = this.#isComplete;
    this.#copies = [];
    this.#last = undefined;
    this.#waitingBytes = 0;
    if (copies.length === 1 && last === undefined && head === '' && isChunked)
      return [chunkIn(copies[0] as Buffer, isLast)];
    const pieces: Uint8Array[] = this.#framing === 'bodiless' ? [] : copies.map(pieceIn);
    if (last !== undefined && this.#framing !== 'bodiless') pieces.push(last);
    return bytesOf({ head, pieces, isChunked, isLast }, this.#connection.waitingBytes > 0);
  }

  #writeHead(): string {
    const { method, isOld, keepsAlive } = this.#request;
    const { isClosing, keepAliveSeconds, date } = this.#connection;
    const bodyBytes = this.#isComplete && !this.#isLengthStated ? this.#waitingBytes : undefined;
    const framing = framingOf({
      method,
      isOld,
      status: this.#status,
      bodyBytes,
      isLengthStated: this.#isLengthStated,
    });
    this.#framing = framing;
    this.#closes = isClosing || !keepsAlive || !this.#body.isWhole || framing === 'until_close';
    const fields = this.#fields;
    // They consist of dozens of pieces, and a stream may last for long.
    this.#fields = '';
    return writeAnswerHead({
      status: this.#status,
      fields,
      framing,
      bodyBytes,
      keepAliveSeconds: this.#closes ? undefined : keepAliveSeconds,
      date,
    });
  }

  #postpone(): void {
    if (this.#isPostponed || this.#isOver) return;
    this.#isPostponed = true;
    this.#connection.postpone(this.#sendPostponed);
  }
}
