// A node:http request and response as the `Exchange` that the data plane works on.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { StoppedError, type BodyRoom, type ClientAnswer, type Exchange, type StopReason } from '../core/exchange.ts';
import { free } from '../lib/bytes.ts';
import { Cancellation } from '../lib/cancellation.ts';
import type { Postponed, TurnEnd } from '../lib/turn-end.ts';
import { BodyBuffer } from './body-buffer.ts';

/** How long the rest of a refused body is read and thrown away, so that the client can read why it was refused. */
const lingerMs = 2000;

/** What an exchange is made of besides the request and the response. */
export interface ExchangeParts {
  readonly id: string;
  readonly receivedAtMs: number;
  readonly path: string;
  readonly maxBodyBytes: number;
  /** How long, in ms, a client may take nothing of an answer that is over. */
  readonly stallMs: number;
  /** Whether the connection is to be closed after this answer. */
  readonly isClosing: () => boolean;
  /** When answers are written. */
  readonly turnEnd: TurnEnd;
}

/** One request and its answer over node:http. */
export class HttpExchange implements Exchange, ClientAnswer, Postponed {
  readonly id: string;
  readonly receivedAtMs: number;
  readonly path: string;
  readonly cancellation: Cancellation<StopReason> = new Cancellation();
  /** Resolves when the last byte of the answer has left, or the client has gone. */
  readonly closed: Promise<void>;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #parts: ExchangeParts;
  #sentBytes = 0;
  /** What is to be written at the end of the turn. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isPostponed = false;
  #isEnding = false;
  readonly #onWritable: (() => void)[] = [];

  constructor(request: IncomingMessage, response: ServerResponse, parts: ExchangeParts) {
    this.id = parts.id;
    this.receivedAtMs = parts.receivedAtMs;
    this.path = parts.path;
    this.#request = request;
    this.#response = response;
    this.#parts = parts;
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) this.cancellation.cancel('client_gone');
        resolve();
      });
    });
    // A broken connection shows as `close`; without a listener its error would end the process.
    response.on('error', () => {});
    request.on('error', () => {});
  }

  get method(): string {
    return this.#request.method ?? '';
  }

  get headers(): readonly string[] {
    return this.#request.rawHeaders;
  }

  get answer(): ClientAnswer {
    return this;
  }

  get isStarted(): boolean {
    return this.#response.headersSent;
  }

  /** Bytes of the answer's body handed to the connection so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  get peerAddress(): string | undefined {
    return this.#request.socket.remoteAddress;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  readBody(room: BodyRoom): Promise<Uint8Array> {
    const request = this.#request;
    const announced = this.#announcedBytes();
    if (announced !== undefined) this.#checkSize(announced);
    return new Promise((resolve, reject) => {
      const body = new BodyBuffer(announced);
      let stopWaiting = (): void => {};
      // The listeners hold on to the body through this promise: none of them may stay when it is there.
      const stopListening = (): void => {
        request.off('data', onData);
        request.off('end', onEnd);
        stopWaiting();
      };
      const stop = (error: Error): void => {
        stopListening();
        request.pause();
        body.clear();
        reject(error);
      };
      const onData = (chunk: Buffer): void => {
        try {
          this.#checkSize(body.bytes + chunk.length);
          room.add(chunk.length);
        } catch (error) {
          stop(error as Error);
          return;
        }
        body.add(chunk);
      };
      const onEnd = (): void => {
        stopListening();
        room.end();
        resolve(body.take());
      };
      room.begin(announced, stop);
      stopWaiting = this.cancellation.onCancel((reason) => stop(new StoppedError(reason)));
      request.on('data', onData);
      request.once('end', onEnd);
      if (request.headers.expect !== undefined) this.#response.writeContinue();
    });
  }

  start(status: number, headers: readonly string[]): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    const closes = this.#parts.isClosing() || this.#isBodyPending;
    this.#response.writeHead(status, closes ? [...headers, 'connection', 'close'] : (headers as string[]));
  }

  write(bytes: Uint8Array): boolean {
    this.#sentBytes += bytes.length;
    this.#postpone(bytes);
    const { writableLength, writableHighWaterMark, destroyed } = this.#response;
    // Where the client has gone there is nothing to wait for.
    return destroyed || writableLength + this.#waitingBytes < writableHighWaterMark;
  }

  onceWritable(resume: () => void): void {
    this.#onWritable.push(resume);
  }

  end(bytes?: Uint8Array | string): void {
    const last = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    this.#sentBytes += last?.length ?? 0;
    this.#isEnding = !this.#isBodyPending;
    this.#postpone(last);
    if (!this.#isEnding) this.#endSlowly();
  }

  /** Writes what has waited. */
  atTurnEnd(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isPostponed = false;
    const response = this.#response;
    const bytes = waiting.length < 2 ? waiting[0] : Buffer.concat(waiting);
    if (this.#isEnding) this.#finish(bytes);
    else if (bytes === undefined || response.write(bytes)) this.#resume();
    else if (this.#onWritable.length > 0) response.once('drain', this.#resume);
  }

  /** Whoever takes nothing of the last bytes would keep the connection, and what waits for it, for ever. */
  #finish(bytes: Uint8Array | undefined): void {
    this.#response.end(bytes);
    const { socket } = this.#response;
    // Node's timer looks at what is taken, and the next request has another one.
    if (socket !== null && socket.writableLength > 0) socket.setTimeout(this.#parts.stallMs);
  }

  #postpone(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined && bytes.length > 0) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
    if (this.#isPostponed) return;
    this.#isPostponed = true;
    this.#parts.turnEnd.add(this);
  }

  readonly #resume = (): void => {
    for (const resume of this.#onWritable.splice(0)) resume();
  };

  /** The client still sends: closing now would reset the connection under its feet before it has read the answer. */
  #endSlowly(): void {
    const finish = (): void => {
      clearTimeout(timer);
      this.#isEnding = true;
      this.#postpone(undefined);
    };
    const timer = setTimeout(finish, lingerMs).unref();
    this.#request.once('end', finish);
    this.#request.once('close', finish);
    this.#request.on('data', free).resume();
  }

  /** The client has not sent all that it announced. A request without a body is not yet `complete` when it is served. */
  get #isBodyPending(): boolean {
    const { headers, complete } = this.#request;
    return !complete && (headers['transfer-encoding'] !== undefined || (this.#announcedBytes() ?? 0) > 0);
  }

  #announcedBytes(): number | undefined {
    const length = this.#request.headers['content-length'];
    return length === undefined ? undefined : Number(length);
  }

  #checkSize(bytes: number): void {
    const { maxBodyBytes } = this.#parts;
    if (bytes <= maxBodyBytes) return;
    throw new GatewayError(
      'request_too_large',
      `The request body is larger than the ${maxBodyBytes} bytes that this gateway takes.`,
      {
        shouldRetry: false,
      },
    );
  }
}
