// The way out over our own HTTP/1.1 client: no hidden time limit, bytes copied once, the connection used last first.
import { joinBytes } from '../../lib/bytes.ts';
import { onlyFieldOf } from '../../lib/http1/field-list.ts';
import { LoopTurn } from '../../lib/loop-turn.ts';
import { decodeAnswer, type AnswerDecoder } from '../content-encoding.ts';
import {
  TransportError,
  type AnswerListener,
  type Transmission,
  type Upstream,
  type UpstreamRequest,
} from '../upstream.ts';
import type { AnswerHead } from './answer-head.ts';
import type { Connection, ConnectionUser, Unsent } from './connection.ts';
import { ConnectionPool, readOrigin, type Connecting, type ConnectionWish } from './connection-pool.ts';
import { writeHead } from './request-head.ts';

const aborted = new TransportError('aborted', 'aborted by the gateway');

/** An `Upstream` over HTTP/1.1. `connectTimeoutMs` covers TLS too; `turn` is that of those who ask. */
export function http1Upstream(connectTimeoutMs: number, turn = new LoopTurn()): Upstream {
  // Apart by leave too, so that no connection that one provider may have serves another that may not.
  const pools = { open: new Map<string, ConnectionPool>(), guarded: new Map<string, ConnectionPool>() };
  const poolOf = ({ origin, mayBePrivate }: UpstreamRequest): ConnectionPool => {
    const kind = mayBePrivate ? pools.open : pools.guarded;
    let pool = kind.get(origin);
    if (pool === undefined) {
      pool = new ConnectionPool(readOrigin(origin), mayBePrivate, connectTimeoutMs, turn);
      kind.set(origin, pool);
    }
    return pool;
  };
  return {
    send(request, listener) {
      const call = new Call(listener, turn);
      call.begin(poolOf(request), request);
      return call;
    },
    async close() {
      const all = [...pools.open.values(), ...pools.guarded.values()];
      await Promise.all(all.map((pool) => pool.close()));
    },
  };
}

/** One request under way. It does not keep what it has sent: an answer may last much longer than that is needed. */
class Call implements Transmission, ConnectionUser, ConnectionWish {
  readonly #listener: AnswerListener;
  readonly #turn: LoopTurn;
  #connecting: Connecting | undefined;
  #unsent: Unsent | undefined;
  #connection: Connection | undefined;
  #decoder: AnswerDecoder | undefined;
  #isOver = false;
  #isPaused = false;

  constructor(listener: AnswerListener, turn: LoopTurn) {
    this.#listener = listener;
    this.#turn = turn;
  }

  begin(pool: ConnectionPool, request: UpstreamRequest): void {
    try {
      this.#unsent = {
        head: writeHead(request, pool.origin.host, pool.writer),
        body: request.body,
        mayLeave: request.mayLeave,
      };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      queueMicrotask(() => this.onError(error));
      return;
    }
    const idle = pool.take();
    if (idle === undefined) this.#connecting = pool.connect(this);
    else this.onConnected(idle);
  }

  get isSent(): boolean {
    return this.#unsent === undefined && this.#connection?.isSending !== true;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#decoder === undefined) this.#connection?.pause(this);
    else this.#decoder.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#decoder === undefined) this.#connection?.resume(this);
    else this.#decoder.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#connecting?.cancel();
    // A connection that carries another exchange by now is no longer ours.
    if (this.#connection !== undefined) this.#connection.destroy();
    this.onError(aborted);
  }

  onHead({ status, headers }: AnswerHead): void {
    if (this.#isOver) return;
    const encoding = onlyFieldOf(headers, 'content-encoding');
    if (typeof encoding === 'string') this.#decoder = this.#decoderOf(encoding);
    this.#listener.onHead(status, headers);
  }

  onData(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#decoder === undefined) this.#listener.onData(bytes);
    else this.#decoder.write(joinBytes([bytes]));
  }

  onEnd(): void {
    this.#connection = undefined;
    // What its end leads to, the others that end in this turn lead to as well.
    if (this.#decoder === undefined) this.#turn.add('serve', () => this.#end());
    else this.#decoder.end();
  }

  onError(error: TransportError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection = undefined;
    this.#unsent = undefined;
    this.#decoder?.destroy();
    this.#listener.onError(error);
  }

  onConnected(connection: Connection): void {
    this.#connecting = undefined;
    this.#connection = connection;
    this.#listener.onSent();
    const unsent = this.#unsent;
    this.#unsent = undefined;
    // Whoever hears of it may already have given up.
    if (unsent === undefined) return;
    connection.begin(this, unsent);
  }

  #decoderOf(encoding: string): AnswerDecoder | undefined {
    const source = {
      pause: () => this.#connection?.pause(this),
      resume: () => this.#connection?.resume(this),
    };
    return decodeAnswer(encoding, source, {
      onData: (chunk) => this.#listener.onData(chunk),
      onEnd: () => this.#end(),
      onError: (error) => {
        this.#connection?.destroy();
        this.onError(new TransportError('invalid_response', 'the compressed answer is damaged', error));
      },
    });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onEnd();
  }
}
