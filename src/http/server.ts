// Splits what comes in by its path, once, and speaks plain HTTP errors in OpenAI's form.
import { GatewayError } from '../core/errors.ts';
import { judgeLocalCaller, type Caller } from '../core/local-caller.ts';
import type { Clock } from '../lib/clock.ts';
import type { LoopTurn } from '../lib/loop-turn.ts';
import type { ClientLimits } from './connection-site.ts';
import type { HttpExchange } from './exchange.ts';
import type { Lifecycle } from './lifecycle.ts';
import { HttpListener } from './listener.ts';

/** What the listener leads to. */
export interface ServerParts {
  /** The data plane. */
  readonly serve: (exchange: HttpExchange) => Promise<void>;
  readonly management: (exchange: HttpExchange) => Promise<void>;
  /** The text of `GET /metrics` and its content type. */
  readonly metrics: () => Promise<{ readonly text: string; readonly type: string }>;
  /** Stores that are away just now, by name. */
  readonly degraded: () => readonly string[];
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly maxBodyBytes: number;
  /** So many connections at most: the next one is closed at once. */
  readonly maxConnections: number;
  /** Called for each of those. */
  readonly onConnectionRefused: () => void;
  /** Whether the gateway listens on this machine alone: then no page that a foreign name leads here reads the metrics. */
  readonly isLocal: boolean;
  /** Shared with the upstreams, so that a request passes through both in one turn. */
  readonly turn?: LoopTurn;
  /** The usual ones where not given. */
  readonly limits?: ClientLimits;
}

/** Builds the server; it does not listen yet. */
export function createHttpServer(parts: ServerParts): HttpListener {
  const { lifecycle, clock } = parts;
  const exact: Readonly<Record<string, (exchange: HttpExchange) => void>> = {
    '/health': (exchange) => sendJson(exchange, 200, { status: 'ok' }),
    '/ready': (exchange) => {
      const degraded = parts.degraded();
      const body = { status: lifecycle.state, ...(degraded.length > 0 && { degraded }) };
      sendJson(exchange, lifecycle.state === 'ready' ? 200 : 503, body);
    },
    '/metrics': (exchange) => {
      const stranger = parts.isLocal
        ? judgeLocalCaller(callerOf(exchange), 'the metrics page', 'another AIGATEWAY_HOST')
        : undefined;
      if (stranger !== undefined) {
        sendError(exchange, stranger);
        return;
      }
      parts.metrics().then(
        ({ text, type }) => {
          exchange.answer.start(200, ['content-type', type]);
          exchange.answer.end(text);
        },
        () => sendError(exchange, new GatewayError('gateway_error', 'The metrics could not be collected.')),
      );
    },
  };
  const serve = (exchange: HttpExchange): void => {
    const { path, method } = exchange;
    if (path.startsWith('/v1/') || path === '/v1') {
      lifecycle.begin(exchange);
      let open = 2;
      const end = (): void => {
        open -= 1;
        if (open === 0) lifecycle.end(exchange);
      };
      parts.serve(exchange).then(end, end);
      exchange.onceClosed(end);
      return;
    }
    if (path.startsWith('/api/')) {
      void parts.management(exchange);
      return;
    }
    const page = exact[path];
    // Nobody wants it.
    exchange.body.discard();
    if (page === undefined) sendError(exchange, unknownPath(path));
    else if (method === 'GET' || method === 'HEAD') page(exchange);
    else
      sendError(
        exchange,
        new GatewayError('method_not_allowed', `${path} takes GET, not ${method}.`, { headers: ['allow', 'GET'] }),
      );
  };
  return new HttpListener({
    serve,
    isDraining: () => lifecycle.state === 'draining',
    nowMs: () => clock.nowMs(),
    maxBodyBytes: parts.maxBodyBytes,
    maxConnections: parts.maxConnections,
    onConnectionRefused: parts.onConnectionRefused,
    turn: parts.turn,
    limits: parts.limits,
  });
}

function callerOf(exchange: HttpExchange): Caller {
  return {
    peer: exchange.peerAddress,
    host: exchange.header('host'),
    origin: exchange.header('origin'),
    fetchSite: exchange.header('sec-fetch-site'),
  };
}

function unknownPath(path: string): GatewayError {
  return new GatewayError(
    'not_found',
    `There is no ${path.slice(0, 200)}; OpenAI's endpoints are under /v1, the management API under /api/v1, and its page is /api/v1/docs.`,
  );
}

function sendJson(exchange: HttpExchange, status: number, body: unknown): void {
  send(exchange, status, JSON.stringify(body), ['cache-control', 'no-store']);
}

function sendError(exchange: HttpExchange, error: GatewayError): void {
  send(exchange, error.status, error.toBody(), ['x-aigateway-request-id', exchange.id, ...error.toHeaders()]);
}

function send({ answer }: HttpExchange, status: number, body: string, headers: readonly string[]): void {
  answer.start(status, ['content-type', 'application/json', 'x-content-type-options', 'nosniff', ...headers]);
  answer.end(body);
}
