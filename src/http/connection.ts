// One connection of a client: its requests are read and answered one after the other.
import type { Socket } from 'node:net';
import { GatewayError } from '../core/errors.ts';
import { Arrival } from '../lib/http1/arrival.ts';
import { fieldOf } from '../lib/http1/field-list.ts';
import type { FieldWriter } from '../lib/http1/field-writer.ts';
import { MessageFormatError } from '../lib/http1/format-error.ts';
import { MessageParser } from '../lib/http1/message-parser.ts';
import type { RosterMember } from '../lib/roster.ts';
import { writeAnswerHead } from './answer-head.ts';
import type { ConnectionSite } from './connection-site.ts';
import { DirectReads } from './direct-reads.ts';
import { HttpExchange, type ExchangeConnection } from './exchange.ts';
import type { RequestHead } from './request-head.ts';
import { writePieces } from './write-pieces.ts';

/** With so much waiting for a client that reads slowly its upstream is paused. */
export const mostWaitingBytes = 32 * 1024;
/** So much of what a client sends behind a request is kept until that is answered; then it has to wait. */
const mostBehindBytes = 32 * 1024;

const invitation = 'HTTP/1.1 100 Continue\r\n\r\n';

/** A connected socket. */
export class ClientConnection implements ExchangeConnection, RosterMember {
  rosterPlace = -1;
  readonly mostWaitingBytes = mostWaitingBytes;
  readonly #socket: Socket;
  readonly #site: ConnectionSite<ClientConnection>;
  readonly #reads: DirectReads;
  readonly #parser: MessageParser<RequestHead>;
  #exchange: HttpExchange | undefined;
  /** A request whose head has come in this turn of the event loop. */
  #unserved: HttpExchange | undefined;
  /** The client waits for a word before it sends its body. */
  #isInvited = true;
  /** What has come behind the request that is being answered. */
  #behind: Buffer | undefined;
  /** Nothing more is read. */
  #isOver = false;
  #closes = false;
  #isTimed = false;
  #isFirst = true;
  /** When the connection was made, the request began, or its answer was over; in ms of `performance.now()`. */
  #sinceMs = performance.now();

  constructor(socket: Socket, site: ConnectionSite<ClientConnection>) {
    this.#socket = socket;
    this.#site = site;
    this.#parser = new MessageParser(site.kind, {
      onHead: (head) => this.#onHead(head),
      onBody: (bytes) => this.#exchange?.body.add(bytes),
      onDone: () => this.#exchange?.bodyEnded(),
    });
    const arrival = new Arrival(site.turn, (bytes) => this.#take(bytes));
    this.#reads = new DirectReads(socket, (bytes) => arrival.add(bytes));
    socket.on('end', arrival.flush);
    socket.on('drain', () => {
      this.#untime();
      this.#exchange?.answer.caughtUp();
    });
    // A broken connection shows as `close`; without a listener its error would end the process.
    socket.on('error', () => {});
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  get peerAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  get keepAliveSeconds(): number {
    return Math.floor(this.#site.limits.keepAliveMs / 1000);
  }

  get maxBodyBytes(): number {
    return this.#site.maxBodyBytes;
  }

  get isClosing(): boolean {
    return this.#site.isDraining();
  }

  get isAlone(): boolean {
    return this.#site.underWay === 1;
  }

  get writer(): FieldWriter {
    return this.#site.writer;
  }

  get date(): string {
    return this.#site.date();
  }

  /** Between two requests. */
  get isIdle(): boolean {
    return this.#exchange === undefined && this.#parser.isAtStart;
  }

  nowMs(): number {
    return this.#site.nowMs();
  }

  postpone(send: () => void): void {
    this.#site.turn.add('answer', send);
  }

  pause(): void {
    this.#reads.pause();
  }

  resume(): void {
    this.#reads.resume();
  }

  invite(): void {
    if (this.#isInvited) return;
    this.#isInvited = true;
    this.#socket.write(invitation, 'latin1');
  }

  /** Whoever takes nothing would keep the upstream, and with it an account's place, for as long as a request may last. */
  send(pieces: readonly Uint8Array[]): boolean {
    const hasRoom = writePieces(this.#socket, pieces);
    if (!hasRoom) this.#time();
    return hasRoom;
  }

  /** Whoever takes nothing of the last bytes would keep the connection, and what waits for it, for ever. */
  finish(pieces: readonly Uint8Array[], closes: boolean): void {
    this.#closes = closes;
    writePieces(this.#socket, pieces);
    // Its end shows as `close`.
    if (this.#socket.destroyed) return;
    if (this.#socket.writableLength > 0) {
      this.#socket.write('', this.#onSent);
      this.#time();
    } else {
      // The system has taken them at once, as it mostly does: to have the socket call back costs 1.3 µs.
      queueMicrotask(this.#onSent);
    }
  }

  /** Ends it where the client has taken too long; `nowMs` of `performance.now()`. */
  check(nowMs: number): void {
    if (this.#isOver) return;
    const { headMs, requestMs, keepAliveMs } = this.#site.limits;
    const tookMs = nowMs - this.#sinceMs;
    if (this.#exchange !== undefined) {
      if (!this.#parser.isDone && tookMs > requestMs) this.#refuse(408, 'The request did not arrive in time.');
    } else if (this.isIdle && !this.#isFirst) {
      if (tookMs > keepAliveMs) this.destroy();
    } else if (tookMs > headMs) this.#refuse(408, 'The request did not arrive in time.');
  }

  /** Closes it at once. */
  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  /** Ends it where the client takes nothing for too long: Node's timer looks at what is taken. */
  #time(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#socket.setTimeout(this.#site.limits.stallMs);
  }

  #untime(): void {
    if (!this.#isTimed) return;
    this.#isTimed = false;
    this.#socket.setTimeout(0);
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    if (this.#exchange !== undefined && this.#parser.isDone) {
      this.#keep(bytes);
      return;
    }
    if (this.#parser.isAtStart && !this.#isFirst) this.#sinceMs = performance.now();
    let taken: number;
    try {
      taken = this.#parser.push(bytes);
    } catch (error) {
      if (!(error instanceof MessageFormatError)) throw error;
      this.#refuse(error.isTooLarge ? 431 : 400, `The request ${error.message}.`);
      return;
    }
    if (this.#isOver) return;
    if (taken < bytes.length) this.#keep(bytes.subarray(taken));
    if (this.#unserved !== undefined) this.#site.turn.add('serve', this.#serve);
  }

  readonly #serve = (): void => {
    const exchange = this.#unserved;
    if (exchange === undefined) return;
    this.#unserved = undefined;
    this.#site.serve(exchange);
  };

  #onHead(head: RequestHead): void {
    if (head.refusal !== undefined) {
      this.#refuse(head.refusal.status, head.refusal.message);
      return;
    }
    if (this.#isOver) return;
    this.#isFirst = false;
    this.#isInvited = head.isOld || fieldOf(head.fields, 'expect') === undefined;
    this.#exchange = new HttpExchange(head, this);
    this.#site.underWay += 1;
    this.#unserved = this.#exchange;
  }

  #keep(bytes: Buffer): void {
    this.#behind = this.#behind === undefined ? bytes : Buffer.concat([this.#behind, bytes]);
    if (this.#behind.length > mostBehindBytes) this.pause();
  }

  /** The last byte of an answer has left. */
  readonly #onSent = (error?: Error | null): void => {
    if (this.#exchange === undefined || (error !== undefined && error !== null)) return;
    this.#endExchange(true);
    if (this.#closes || this.#isOver) {
      this.#isOver = true;
      this.#socket.destroySoon();
      return;
    }
    this.#untime();
    this.#sinceMs = performance.now();
    this.#parser.reset();
    const behind = this.#behind;
    this.#behind = undefined;
    this.resume();
    if (behind !== undefined) this.#take(behind);
  };

  /** Answers what cannot be served, and closes: what was sent behind it is not looked at. */
  #refuse(status: number, message: string): void {
    this.#isOver = true;
    this.#unserved = undefined;
    // Where an answer is on its way, a second one in its midst would make it another.
    if (this.#exchange?.answer.isStarted === true || !this.#socket.writable) {
      this.#socket.destroy();
      return;
    }
    const body = new GatewayError('invalid_request', message).toBody();
    const head = writeAnswerHead({
      status,
      fields: this.writer.write(['content-type', 'application/json', 'x-content-type-options', 'nosniff']),
      framing: 'counted',
      bodyBytes: Buffer.byteLength(body),
      keepAliveSeconds: undefined,
      date: this.#site.date(),
    });
    this.#socket.write(head + body);
    this.#socket.destroySoon();
    this.#endExchange(false);
  }

  #endExchange(isSent: boolean): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#site.underWay -= 1;
    this.#exchange = undefined;
    exchange?.close(isSent);
  }

  #onClose(): void {
    this.#isOver = true;
    this.#endExchange(false);
    this.#site.onGone(this);
  }
}
