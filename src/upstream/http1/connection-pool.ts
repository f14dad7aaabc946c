// The connections to one origin: the one used last is used first, so that those not needed grow old and are closed.
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FieldReader } from '../../lib/http1/fields.ts';
import { ArrivalRoom } from '../../lib/http1/arrival.ts';
import { newReading } from '../../lib/http1/reading.ts';
import { Specimens } from '../../lib/specimens.ts';
import type { LoopTurn } from '../../lib/loop-turn.ts';
import { guardedLookup, literalProblem } from '../guarded-lookup.ts';
import { TransportError } from '../upstream.ts';
import { answersWith } from './answer-head.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { requestWriter } from './request-head.ts';

/** How long an idle connection is kept; a shorter word of the upstream wins. */
const idleMs = 30_000;
/** The upstream may close a connection while a request is on its way to it: it is not used in its last second. */
const marginMs = 1000;
const sweepEveryMs = 1000;

/** Where connections lead. */
export interface Origin {
  readonly isSecure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** As the `host` header names it. */
  readonly host: string;
}

/** Reads `https://host:port`. */
export function readOrigin(origin: string): Origin {
  const { protocol, hostname, port, host } = new URL(origin);
  const isSecure = protocol === 'https:';
  return {
    isSecure,
    hostname: hostname.replace(/^\[|\]$/gu, ''),
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    host,
  };
}

/** Who wants a connection. Exactly one of the two is called, later, unless the wish is taken back. */
export interface ConnectionWish {
  onConnected(connection: Connection): void;
  onError(error: TransportError): void;
}

/** What comes of asking for a connection; `cancel` takes the wish back. */
export interface Connecting {
  cancel(): void;
}

/** Connect error → what it means in words. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up',
};

/** All connections to one origin. */
export class ConnectionPool implements ConnectionOwner {
  readonly origin: Origin;
  readonly #mayBePrivate: boolean;
  readonly #connectTimeoutMs: number;
  readonly #lookup: LookupFunction;
  readonly #reading = newReading();
  readonly writer = requestWriter();
  readonly answers = answersWith(new FieldReader());
  readonly turn: LoopTurn;
  readonly room = new ArrivalRoom();
  readonly #specimens = new Specimens();
  readonly #all = new Set<Connection>();
  /** Idle ones, the one used last at the end. */
  readonly #idle: Connection[] = [];
  #session: Buffer | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #isClosing = false;
  #onEmpty = (): void => {};

  constructor(origin: Origin, mayBePrivate: boolean, connectTimeoutMs: number, turn: LoopTurn) {
    this.origin = origin;
    this.#mayBePrivate = mayBePrivate;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.turn = turn;
    this.#lookup = guardedLookup(mayBePrivate);
  }

  /** An idle connection that can be used at once. */
  take(): Connection | undefined {
    const nowMs = performance.now();
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      if (connection.isUsable && nowMs < connection.freeUntilMs) return connection;
      connection.destroy();
    }
  }

  /** Makes a new connection. */
  connect(wish: ConnectionWish): Connecting {
    // What is kept here the socket keeps for as long as it lives, and that is longer than any one request.
    let open: ConnectionWish | undefined = wish;
    const end = (): ConnectionWish | undefined => {
      const ended = open;
      open = undefined;
      clearTimeout(timer);
      return ended;
    };
    const fail = (error: TransportError): void => {
      socket?.destroy();
      end()?.onError(error);
    };
    const limitMs = this.#connectTimeoutMs;
    const timer = setTimeout(
      () => fail(new TransportError('connect_timeout', `no connection within the connect limit of ${limitMs} ms`)),
      limitMs,
    );
    const refusal = literalProblem(this.origin.hostname, this.#mayBePrivate);
    let connection: Connection | undefined;
    const take = (bytes: Buffer): void => {
      if (connection === undefined) socket?.destroy();
      else connection.take(bytes);
    };
    const socket = refusal === undefined ? this.#open(take) : undefined;
    if (refusal !== undefined) queueMicrotask(() => fail(refusal));
    const onSocketError = (error: Error): void => fail(connectError(error));
    socket?.on('error', onSocketError);
    socket?.once(this.origin.isSecure ? 'secureConnect' : 'connect', () => {
      const ended = end();
      if (ended === undefined) return;
      socket.off('error', onSocketError);
      connection = new Connection(socket, this);
      this.#all.add(connection);
      ended.onConnected(connection);
    });
    return {
      cancel: () => {
        end();
        socket?.destroy();
      },
    };
  }

  onFree(connection: Connection): void {
    const { keepAliveHintMs: hintMs } = connection;
    const keptMs = hintMs === undefined ? idleMs : Math.min(idleMs, hintMs - marginMs);
    if (this.#isClosing || keptMs <= 0) {
      connection.destroy();
      return;
    }
    connection.freeUntilMs = performance.now() + keptMs;
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => this.#closeOld(), sweepEveryMs).unref();
  }

  /** What has ended one that was kept, as a restart or a router that forgets, has mostly ended the others: a retry is not to meet them. */
  onStale(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  onGone(connection: Connection): void {
    this.#all.delete(connection);
    this.#specimens.keep('connection', connection);
    if (this.#all.size === 0) this.#onEmpty();
  }

  /** Closes the idle ones at once; resolves when the others have ended their exchanges. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#sweep);
    for (const connection of this.#idle.splice(0)) connection.destroy();
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  #closeOld(): void {
    const nowMs = performance.now();
    const kept = this.#idle.filter((connection) => connection.isUsable && nowMs < connection.freeUntilMs);
    const old = this.#idle.filter((connection) => !kept.includes(connection));
    this.#idle.splice(0, this.#idle.length, ...kept);
    for (const connection of old) connection.destroy();
    if (kept.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #open(take: (bytes: Buffer) => void): Socket {
    const { hostname, port, isSecure } = this.origin;
    const options = {
      host: hostname,
      port,
      lookup: this.#lookup,
      noDelay: true,
      keepAlive: true,
      onread: this.#reading(take),
    };
    if (!isSecure) return connectPlain(options);
    const socket = connectTls({
      ...options,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(hostname) === 0 && { servername: hostname }),
      ...(this.#session !== undefined && { session: this.#session }),
    });
    // The next connection takes up where this one began: one round trip less.
    socket.on('session', (session: Buffer) => (this.#session = session));
    return socket;
  }
}

function connectError(error: Error): TransportError {
  if (error instanceof TransportError) return error;
  const { code, cause } = error as NodeJS.ErrnoException;
  if (cause instanceof TransportError) return cause;
  const inner =
    error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined)?.code : undefined;
  const known = words[code ?? ''] ?? words[inner ?? ''];
  return new TransportError('connection_failed', known ?? `the connection failed (${code ?? error.name})`, error);
}
