// The way out over undici instead of our own client: the check that both hear the same.
import { Socket } from 'node:net';
import { Agent, buildConnector, errors, type Dispatcher } from 'undici';
import { joinBytes } from '../../src/lib/bytes.ts';
import { onlyFieldOf } from '../../src/lib/http1/field-list.ts';
import { decodeAnswer } from '../../src/upstream/content-encoding.ts';
import { guardedLookup, literalProblem } from '../../src/upstream/guarded-lookup.ts';
import {
  TransportError,
  type AnswerListener,
  type Transmission,
  type Upstream,
  type UpstreamRequest,
} from '../../src/upstream/upstream.ts';

/** How long an idle connection is kept; a shorter `Keep-Alive: timeout=` of the upstream wins. */
const keepAliveMs = 30_000;

/** Undici's error code → what it means to us, and in words. */
const problems: Readonly<Record<string, readonly [TransportError['problem'], string]>> = {
  UND_ERR_CONNECT_TIMEOUT: ['connect_timeout', 'no connection within the limit'],
  UND_ERR_HEADERS_OVERFLOW: ['invalid_response', 'the answer has too many header bytes'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['invalid_response', 'the answer is not as long as it says'],
  UND_ERR_SOCKET: ['connection_failed', 'the upstream closed the connection'],
  ECONNREFUSED: ['connection_failed', 'the connection was refused'],
  ECONNRESET: ['connection_failed', 'the connection was reset'],
  EPIPE: ['connection_failed', 'the connection was closed while sending'],
  ENOTFOUND: ['connection_failed', 'the host name is unknown'],
  EAI_AGAIN: ['connection_failed', 'the host name could not be looked up'],
};

/** An `Upstream` over undici. `connectTimeoutMs` covers TLS too. */
export function undiciUpstream(connectTimeoutMs: number): Upstream {
  /** The call that is being handed to undici: a connection that is begun meanwhile is begun for it alone. */
  let dispatching: Call | undefined;
  const newAgent = (mayBePrivate: boolean): Agent => {
    const lookup = guardedLookup(mayBePrivate);
    const connector = buildConnector({ allowH2: false, timeout: connectTimeoutMs, lookup });
    return new Agent({
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect(options, callback) {
        const refusal = literalProblem(options.hostname, mayBePrivate);
        if (refusal !== undefined) {
          queueMicrotask(() => callback(refusal, null));
          return;
        }
        // Undici's types do not say so, but its connectors answer with the socket that they connect.
        const socket: unknown = connector(options, callback);
        if (socket instanceof Socket) dispatching?.onConnecting(socket);
      },
    });
  };
  // Apart, so that no connection that one provider may have serves another that may not.
  const agents = { open: newAgent(true), guarded: newAgent(false) };
  return {
    send(request, listener) {
      const call = new Call(listener);
      dispatching = call;
      call.dispatch(request.mayBePrivate ? agents.open : agents.guarded, request);
      dispatching = undefined;
      return call;
    },
    async close() {
      await Promise.all([agents.open.close(), agents.guarded.close()]);
    },
  };
}

const abortReason = new TransportError('aborted', 'aborted by the gateway');

/** One request under way; also undici's handler for it. */
class Call implements Transmission, Dispatcher.DispatchHandler {
  readonly #listener: AnswerListener;
  #controller: Dispatcher.DispatchController | undefined;
  /** The connection that is being made for it. */
  #connecting: Socket | undefined;
  #decoder: ReturnType<typeof decodeAnswer>;
  #isOver = false;
  #isPaused = false;
  /** Undici does not tell; the pieces that it was given are a copy. */
  readonly isSent = true;

  constructor(listener: AnswerListener) {
    this.#listener = listener;
  }

  dispatch(agent: Agent, request: UpstreamRequest): void {
    const { origin, path, method, headers } = request;
    const body = request.body === null ? null : joinBytes(request.body);
    try {
      agent.dispatch({ origin, path, method, headers: headers as string[], body, idempotent: false }, this);
    } catch (error) {
      // Undici throws for what can never be sent, such as a header value with control characters.
      queueMicrotask(() => this.#fail(new TransportError('invalid_response', (error as Error).message, error)));
    }
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#decoder === undefined) this.#controller?.pause();
    else this.#decoder.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#decoder === undefined) this.#controller?.resume();
    else this.#decoder.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#controller?.abort(abortReason);
    // Before the request has a connection undici has no way to drop it: the connection that is being made is broken off.
    this.#connecting?.destroy(abortReason);
    this.#fail(abortReason);
  }

  /** A connection is being made for this request. */
  onConnecting(socket: Socket): void {
    this.#connecting = socket;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#connecting = undefined;
    if (this.#isOver) controller.abort(abortReason);
    else this.#listener.onSent();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#isOver || status < 200) return;
    const fields = Object.entries(headers).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value ?? '']).flatMap((one) => [name, one]),
    );
    this.#decoder = decodeAnswer(onlyFieldOf(fields, 'content-encoding'), controller, {
      onData: (chunk) => this.#listener.onData(chunk),
      onEnd: () => this.#end(),
      onError: (error) => {
        this.#fail(new TransportError('invalid_response', 'the compressed answer is damaged', error));
        controller.abort(abortReason);
      },
    });
    this.#listener.onHead(status, fields);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#decoder === undefined) this.#listener.onData(chunk);
    else this.#decoder.write(chunk);
  }

  onResponseEnd(): void {
    if (this.#decoder === undefined) this.#end();
    else this.#decoder.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#decoder?.destroy();
    this.#fail(transportError(error));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.onEnd();
  }

  #fail(error: TransportError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#decoder?.destroy();
    this.#listener.onError(error);
  }
}

function transportError(error: Error): TransportError {
  if (error instanceof TransportError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const known = problems[code] ?? problems[((error.cause ?? {}) as NodeJS.ErrnoException).code ?? ''];
  if (known !== undefined) return new TransportError(known[0], known[1], error);
  if (error instanceof errors.HTTPParserError || code.startsWith('HPE_')) {
    return new TransportError('invalid_response', 'the answer is not HTTP', error);
  }
  return new TransportError('connection_failed', `the connection failed (${code === '' ? error.name : code})`, error);
}
