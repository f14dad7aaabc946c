// One connection to an upstream: carries one exchange at a time, and tells whether it can carry another.
import type { Socket } from 'node:net';
import { TransportError } from '../upstream.ts';
import type { AnswerHead, NameCache } from './answer-head.ts';
import { AnswerParser } from './answer-parser.ts';
import { AnswerFormatError } from './format-error.ts';

/** Bodies up to this size go out in one piece with their head: one packet instead of two. */
const joinedBytes = 16 << 10;

/** Who uses a connection for one exchange. Exactly one of `onEnd` and `onError` comes last. */
export interface ConnectionUser {
  onHead(head: AnswerHead): void;
  onData(bytes: Uint8Array): void;
  onEnd(): void;
  onError(error: TransportError): void;
}

/** What a connection tells its pool. */
export interface ConnectionOwner {
  /** It can carry another exchange. */
  onFree(connection: Connection): void;
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
export class Connection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #parser: AnswerParser;
  #user: ConnectionUser | undefined;
  #keepsAlive = false;
  #isEnded = false;
  /** When it must not be used any more, in ms of the pool's clock; the pool's. */
  freeUntilMs = 0;
  /** The upstream's own word on how long it keeps a connection, in ms; undefined where it gave none. */
  keepAliveHintMs: number | undefined;

  constructor(socket: Socket, owner: ConnectionOwner, names: NameCache) {
    this.#socket = socket;
    this.#owner = owner;
    this.#parser = new AnswerParser(
      {
        onHead: (head) => this.#onHead(head),
        onBody: (bytes) => this.#user?.onData(bytes),
        onDone: () => {},
      },
      names,
    );
    socket.on('end', () => this.#onClosedByPeer());
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error));
    socket.on('close', () => this.#onClose());
    socket.resume();
  }

  get isUsable(): boolean {
    return !this.#isEnded && !this.#socket.destroyed && this.#user === undefined;
  }

  /** Sends a request: its head as latin1 text, and its body. */
  begin(user: ConnectionUser, head: string, body: Uint8Array | null): void {
    this.#user = user;
    this.#keepsAlive = false;
    this.#parser.reset();
    if (body === null) this.#socket.write(head, 'latin1');
    else if (body.length <= joinedBytes) {
      const bytes = Buffer.allocUnsafe(head.length + body.length);
      bytes.write(head, 0, 'latin1');
      bytes.set(body, head.length);
      this.#socket.write(bytes);
    } else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  pause(user: ConnectionUser): void {
    if (this.#user === user) this.#socket.pause();
  }

  resume(user: ConnectionUser): void {
    if (this.#user === user) this.#socket.resume();
  }

  /** Takes what has come. A piece may still come after `pause`. */
  take(chunk: Buffer): void {
    // An idle connection on which something comes is one whose next answer could be somebody else's.
    if (this.#user === undefined) {
      this.destroy();
      return;
    }
    let taken: number;
    try {
      taken = this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof AnswerFormatError)) throw error;
      this.#fail(new TransportError('invalid_response', error.message, error));
      return;
    }
    if (this.#parser.isDone) this.#finish(taken === chunk.length);
  }

  /** Closes it at once; the user hears nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#isEnded = true;
    this.#socket.destroy();
  }

  #onHead(head: AnswerHead): void {
    this.#keepsAlive = head.keepsAlive;
    this.keepAliveHintMs = keepAliveHint(head.headers['keep-alive']);
    this.#user?.onHead(head);
  }

  /** The answer is whole. What was not sent by now, or came after it, makes the connection useless. */
  #finish(isClean: boolean): void {
    const user = this.#user;
    if (user === undefined) return;
    this.#user = undefined;
    if (isClean && this.#keepsAlive && !this.#isEnded && this.#socket.writableLength === 0) {
      // A paused one would never hear that the upstream closes it.
      this.#socket.resume();
      this.#owner.onFree(this);
    } else this.destroy();
    user.onEnd();
  }

  #onClosedByPeer(): void {
    this.#isEnded = true;
    if (this.#user === undefined) this.#socket.destroy();
    else if (this.#parser.close()) this.#finish(true);
    else this.#fail(new TransportError('connection_failed', 'the upstream closed the connection'));
  }

  #onError(error: NodeJS.ErrnoException): void {
    const { code = error.name } = error;
    this.#fail(new TransportError('connection_failed', words[code] ?? `the connection failed (${code})`, error));
  }

  #onClose(): void {
    this.#isEnded = true;
    this.#fail(new TransportError('connection_failed', 'the upstream closed the connection'));
    this.#owner.onGone(this);
  }

  #fail(error: TransportError): void {
    const user = this.#user;
    this.destroy();
    user?.onError(error);
  }
}

/** `Keep-Alive: timeout=5` in ms (RFC 2068, section 19.7.1.1). */
function keepAliveHint(value: string | string[] | undefined): number | undefined {
  const seconds = typeof value === 'string' ? /\btimeout=(\d{1,9})\b/iu.exec(value)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
