// One connection to an upstream: carries one exchange at a time, and tells whether it can carry another.
import type { Socket } from 'node:net';
import { bytesIn, free, joinBytes } from '../../lib/bytes.ts';
import { Arrival, type ArrivalRoom } from '../../lib/http1/arrival.ts';
import { onlyFieldOf } from '../../lib/http1/field-list.ts';
import { MessageFormatError } from '../../lib/http1/format-error.ts';
import { MessageParser, type MessageEvents, type MessageKind } from '../../lib/http1/message-parser.ts';
import type { LoopTurn } from '../../lib/loop-turn.ts';
import { TransportError } from '../upstream.ts';
import type { AnswerHead } from './answer-head.ts';

/** Bodies up to this size go out in one piece with their head: one packet instead of two. */
const joinedBytes = 16 << 10;
/** Larger ones go out in portions of this size. */
const portionBytes = 256 << 10;

/** Who uses a connection for one exchange. Exactly one of `onEnd` and `onError` comes last. */
export interface ConnectionUser {
  onHead(head: AnswerHead): void;
  /** The memory of `bytes` is somebody else's again when this returns. */
  onData(bytes: Uint8Array): void;
  onEnd(): void;
  onError(error: TransportError): void;
}

/** A request that has not left. */
export interface Unsent {
  /** Latin1 text. */
  readonly head: string;
  readonly body: readonly Uint8Array[] | null;
  readonly mayLeave: (() => boolean) | undefined;
}

/** What a connection has of its pool, and tells it. */
export interface ConnectionOwner {
  readonly answers: MessageKind<AnswerHead>;
  readonly turn: LoopTurn;
  readonly room: ArrivalRoom;
  /** It can carry another exchange. */
  onFree(connection: Connection): void;
  /** It had died while it was kept. */
  onStale(): void;
  /** It is closed. */
  onGone(connection: Connection): void;
}

/** Socket error → what it means in words. */
const words: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed while sending',
  ETIMEDOUT: 'the connection died',
};

/** A connected socket. */
export class Connection implements MessageEvents<AnswerHead> {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: MessageParser<AnswerHead>;
  readonly #arrival: Arrival;
  /** A request that leaves at the end of the turn. */
  #leaving: Unsent | undefined;
  #user: ConnectionUser | undefined;
  /** Portions of a large body that are still to be sent, the next one at the end. */
  #unsent: Uint8Array[] = [];
  #keepsAlive = false;
  #isEnded = false;
  /** It has carried an exchange before this one, of which nothing has been heard yet. */
  #mayBeStale = false;
  #hasCarried = false;
  /** When it must not be used any more, in ms of the pool's clock; the pool's. */
  freeUntilMs = 0;
  /** The upstream's own word on how long it keeps a connection, in ms; undefined where it gave none. */
  keepAliveHintMs: number | undefined;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#arrival = new Arrival(owner.turn, (bytes) => this.#take(bytes), owner.room);
    // Itself, not closures: of a stream that pauses each object on the way of a read is a wait for the memory.
    this.#parser = new MessageParser<AnswerHead>(owner.answers, this);
    socket.on('end', () => this.#onClosedByPeer());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#sendMore());
    socket.resume();
  }

  get isUsable(): boolean {
    return !this.#isEnded && !this.#socket.destroyed && this.#user === undefined && this.#arrival.isEmpty;
  }

  /** A part of the body has not been handed to the socket yet. */
  get isSending(): boolean {
    return this.#unsent.length > 0 || this.#leaving !== undefined;
  }

  /** Takes a request, which leaves at the end of the turn. */
  begin(user: ConnectionUser, request: Unsent): void {
    this.#user = user;
    this.#mayBeStale = this.#hasCarried;
    this.#hasCarried = true;
    this.#keepsAlive = false;
    this.#parser.reset();
    this.#leaving = request;
    this.#owner.turn.add('ask', this.#leave);
  }

  /** Sends what is to leave, if it is still wanted and may. */
  readonly #leave = (): void => {
    const request = this.#leaving;
    this.#leaving = undefined;
    if (request === undefined || this.#isEnded) return;
    if (request.mayLeave?.() === false)
      this.#fail(new TransportError('connection_failed', 'the gateway did not let the request leave'));
    else this.#send(request);
  };

  pause(user: ConnectionUser): void {
    if (this.#user === user) this.#socket.pause();
  }

  resume(user: ConnectionUser): void {
    if (this.#user === user) this.#socket.resume();
  }

  /** Something has come; its memory is somebody else's again when this returns. A piece may still come after `pause`. */
  take(chunk: Buffer): void {
    this.#arrival.add(chunk);
  }

  #take(chunk: Buffer): void {
    // An idle connection on which something comes is one whose next answer could be somebody else's.
    if (this.#user === undefined) {
      this.destroy();
      return;
    }
    // Nor is it the answer to a request that has not left.
    if (this.#leaving !== undefined) {
      this.#fail(new TransportError('connection_failed', 'the upstream spoke before it was asked'));
      return;
    }
    this.#mayBeStale = false;
    let taken: number;
    try {
      taken = this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof MessageFormatError)) throw error;
      this.#fail(new TransportError('invalid_response', `the answer ${error.message}`, error));
      return;
    }
    if (this.#parser.isDone) this.#finish(taken === chunk.length);
  }

  /** Closes it at once; the user hears nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#unsent = [];
    this.#isEnded = true;
    this.#socket.destroy();
  }

  #send({ head, body }: Unsent): void {
    if (body === null) {
      this.#socket.write(head, 'latin1');
      return;
    }
    const bodyBytes = bytesIn(body);
    if (bodyBytes > joinedBytes) {
      this.#unsent = body.flatMap(inPortions).reverse();
      this.#socket.write(head, 'latin1');
      this.#sendMore();
      return;
    }
    const bytes = Buffer.allocUnsafe(head.length + bodyBytes);
    let at = bytes.write(head, 0, 'latin1');
    for (const piece of body) {
      bytes.set(piece, at);
      at += piece.length;
    }
    this.#socket.write(bytes);
  }

  /** A portion at a time, each a copy, so that whoever sends a large body can free it when its request is over. */
  #sendMore(): void {
    for (;;) {
      const portion = this.#unsent.pop();
      if (portion === undefined) return;
      const copy = joinBytes([portion]);
      const isRoom = this.#socket.write(copy, (error) => {
        // What was not written to its end the system may still look at.
        if (error === undefined || error === null) free(copy);
      });
      if (!isRoom) return;
    }
  }

  /** The parser's word. */
  onHead(head: AnswerHead): void {
    this.#keepsAlive = head.keepsAlive;
    this.keepAliveHintMs = keepAliveHint(onlyFieldOf(head.headers, 'keep-alive'));
    this.#user?.onHead(head);
  }

  /** The parser's word. */
  onBody(bytes: Buffer): void {
    this.#user?.onData(bytes);
  }

  /** Whoever gave the parser its bytes looks whether it is done. */
  onDone(): void {}

  /** The answer is whole. What was not sent by now, or came after it, makes the connection useless. */
  #finish(isClean: boolean): void {
    const user = this.#user;
    if (user === undefined) return;
    this.#user = undefined;
    if (isClean && this.#keepsAlive && !this.#isEnded && !this.isSending && this.#socket.writableLength === 0) {
      // A paused one would never hear that the upstream closes it.
      this.#socket.resume();
      this.#owner.onFree(this);
    } else this.destroy();
    user.onEnd();
  }

  #onClosedByPeer(): void {
    this.#arrival.flush();
    this.#isEnded = true;
    if (this.#user === undefined) this.#socket.destroy();
    else if (this.#parser.close()) this.#finish(true);
    else this.#lose('the upstream closed the connection');
  }

  #onError(error: NodeJS.ErrnoException): void {
    this.#arrival.flush();
    const { code = error.name } = error;
    this.#lose(words[code] ?? `the connection failed (${code})`, error);
  }

  #onClose(): void {
    this.#arrival.flush();
    this.#isEnded = true;
    this.#lose('the upstream closed the connection');
    this.#owner.onGone(this);
  }

  #lose(what: string, cause?: Error): void {
    const isStale = this.#user !== undefined && this.#mayBeStale;
    if (isStale) this.#owner.onStale();
    this.#fail(new TransportError('connection_failed', what, cause, isStale));
  }

  #fail(error: TransportError): void {
    const user = this.#user;
    this.destroy();
    user?.onError(error);
  }
}

function inPortions(piece: Uint8Array): Uint8Array[] {
  const portions: Uint8Array[] = [];
  for (let at = 0; at < piece.length; at += portionBytes) portions.push(piece.subarray(at, at + portionBytes));
  return portions;
}

/** `Keep-Alive: timeout=5` in ms (RFC 2068, section 19.7.1.1). */
function keepAliveHint(value: string | undefined | null): number | undefined {
  const seconds = typeof value === 'string' ? /\btimeout=(\d{1,9})\b/iu.exec(value)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
