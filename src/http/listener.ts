// The listener: takes connections, looks after those that take too long, and closes them all in the end.
import { createServer, type Server } from 'node:net';
import { FieldReader } from '../lib/http1/fields.ts';
import { Roster } from '../lib/roster.ts';
import { LoopTurn } from '../lib/loop-turn.ts';
import { AnswerDate, answerWriter } from './answer-head.ts';
import type { ClientLimits, ConnectionSite } from './connection-site.ts';
import { ClientConnection, mostWaitingBytes } from './connection.ts';
import type { HttpExchange } from './exchange.ts';
import { requestsWith } from './request-head.ts';

const usualLimits: ClientLimits = {
  headMs: 60_000,
  requestMs: 300_000,
  // Longer than load balancers and SDK pools keep a connection, so that they close it and never meet a closed one.
  keepAliveMs: 75_000,
  stallMs: 60_000,
  checkEveryMs: 5000,
};

/** What a listener is made of. */
export interface ListenerParts {
  /** Takes a request; its body may still be coming. */
  readonly serve: (exchange: HttpExchange) => void;
  readonly isDraining: () => boolean;
  readonly nowMs: () => number;
  readonly maxBodyBytes: number;
  /** So many connections at most: the next one is closed at once. */
  readonly maxConnections: number;
  /** Called for each of those. */
  readonly onConnectionRefused: () => void;
  /** One that it shares with those it asks; one of its own where not given. */
  readonly turn?: LoopTurn | undefined;
  /** The usual ones where not given. */
  readonly limits?: ClientLimits | undefined;
}

/** An HTTP/1.1 server. */
export class HttpListener implements ConnectionSite<ClientConnection> {
  /** Listens where it is told to. */
  readonly server: Server;
  readonly kind = requestsWith(new FieldReader());
  readonly limits: ClientLimits;
  readonly turn: LoopTurn;
  readonly writer = answerWriter();
  readonly maxBodyBytes: number;
  readonly serve: (exchange: HttpExchange) => void;
  readonly isDraining: () => boolean;
  readonly nowMs: () => number;
  underWay = 0;
  readonly #date = new AnswerDate();
  readonly #connections = new Roster<ClientConnection>();
  #check: NodeJS.Timeout | undefined;

  constructor(parts: ListenerParts) {
    this.turn = parts.turn ?? new LoopTurn();
    this.limits = parts.limits ?? usualLimits;
    this.maxBodyBytes = parts.maxBodyBytes;
    this.serve = parts.serve;
    this.isDraining = parts.isDraining;
    this.nowMs = parts.nowMs;
    this.server = createServer({ noDelay: true, highWaterMark: mostWaitingBytes }, (socket) => {
      this.#connections.add(new ClientConnection(socket, this));
      this.#check ??= setInterval(() => this.#checkAll(), this.limits.checkEveryMs).unref();
    });
    this.server.maxConnections = parts.maxConnections;
    this.server.on('drop', parts.onConnectionRefused);
  }

  date(): string {
    return this.#date.at(this.nowMs());
  }

  onGone(connection: ClientConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#check);
    this.#check = undefined;
  }

  /** Takes no connection any more, and closes those on which nothing is under way. */
  close(): void {
    this.server.close();
    this.#connections.forEach((connection) => {
      if (connection.isIdle) connection.destroy();
    });
  }

  /** Closes all connections. */
  closeAll(): void {
    this.#connections.forEach((connection) => connection.destroy());
  }

  #checkAll(): void {
    const nowMs = performance.now();
    this.#connections.forEach((connection) => connection.check(nowMs));
  }
}
