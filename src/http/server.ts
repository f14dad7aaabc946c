// The listener: splits what comes in by its path, once, and speaks plain HTTP errors in OpenAI's form.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError } from '../core/errors.ts';
import { judgeLocalCaller, type Caller } from '../core/local-caller.ts';
import type { Clock } from '../lib/clock.ts';
import { newId } from '../lib/id.ts';
import { TurnEnd } from '../lib/turn-end.ts';
import { HttpExchange } from './exchange.ts';
import type { Lifecycle } from './lifecycle.ts';
import { refusalOf, type Refusal } from './strictness.ts';

/** How long a client may take, in ms. */
export interface ClientLimits {
  /** For the head of a request, from the moment that the connection is there. */
  readonly headMs: number;
  /** For the whole request, its body included. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  /** Between two bytes that it takes of an answer that is over. */
  readonly stallMs: number;
  /** How often that is looked at. */
  readonly checkEveryMs: number;
}

const usualLimits: ClientLimits = {
  headMs: 60_000,
  requestMs: 300_000,
  // Longer than load balancers and SDK pools keep a connection, so that they close it and never meet a closed one.
  keepAliveMs: 75_000,
  stallMs: 60_000,
  checkEveryMs: 5000,
};

/** With so much waiting for a client that reads slowly its upstream is paused. */
const waitingBytes = 32 * 1024;

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** What the listener leads to. */
export interface ServerParts {
  readonly serve: (exchange: HttpExchange) => Promise<void>;
  readonly management: Listener;
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
  /** The usual ones where not given. */
  readonly limits?: ClientLimits;
}

/** Builds the server; it does not listen yet. */
export function createHttpServer(parts: ServerParts): Server {
  const { lifecycle, clock, limits = usualLimits } = parts;
  const turnEnd = new TurnEnd();
  const exact: Readonly<Record<string, Listener>> = {
    '/health': (_request, response) => sendJson(response, 200, { status: 'ok' }),
    '/ready': (_request, response) => {
      const degraded = parts.degraded();
      const body = { status: lifecycle.state, ...(degraded.length > 0 && { degraded }) };
      sendJson(response, lifecycle.state === 'ready' ? 200 : 503, body);
    },
    '/metrics': (request, response) => {
      const stranger = parts.isLocal
        ? judgeLocalCaller(callerOf(request), 'the metrics page', 'another AIGATEWAY_HOST')
        : undefined;
      if (stranger !== undefined) {
        sendError(response, stranger);
        return;
      }
      parts.metrics().then(
        ({ text, type }) => response.writeHead(200, { 'content-type': type }).end(text),
        () => sendError(response, new GatewayError('gateway_error', 'The metrics could not be collected.')),
      );
    },
  };
  /** Connections that are being closed: what was sent behind a refused request is not looked at. */
  const refused = new WeakSet<Socket>();
  const refuse = (request: IncomingMessage, response: ServerResponse, { status, message }: Refusal): void => {
    refused.add(request.socket);
    send(response, status, new GatewayError('invalid_request', message).toBody(), ['connection', 'close']);
  };
  // Node reads nothing more of a connection that was to be upgraded and was not.
  const isClosing = ({ headers }: IncomingMessage): boolean =>
    lifecycle.state === 'draining' || headers.upgrade !== undefined;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (refused.has(request.socket)) return;
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      refuse(request, response, refusal);
      return;
    }
    const path = pathOf(request.url ?? '');
    if (path.startsWith('/v1/') || path === '/v1') {
      // The id says the time to the millisecond: who asks for requests by time asks for their ids.
      const receivedAtMs = clock.nowMs();
      const exchange = new HttpExchange(request, response, {
        id: newId('req', receivedAtMs),
        receivedAtMs,
        path,
        maxBodyBytes: parts.maxBodyBytes,
        stallMs: limits.stallMs,
        isClosing: () => isClosing(request),
        turnEnd,
      });
      lifecycle.track(exchange, Promise.all([parts.serve(exchange), exchange.closed]));
      return;
    }
    if (isClosing(request)) response.setHeader('connection', 'close');
    if (path.startsWith('/api/')) {
      parts.management(request, response);
      return;
    }
    const listener = exact[path];
    if (listener === undefined) sendError(response, unknownPath(path));
    else if (request.method === 'GET' || request.method === 'HEAD') listener(request, response);
    else
      sendError(
        response,
        new GatewayError('method_not_allowed', `${path} takes GET, not ${request.method}.`, {
          headers: ['allow', 'GET'],
        }),
      );
  };
  const server = createServer(
    {
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkEveryMs,
      highWaterMark: waitingBytes,
      // Node would answer without a body, and answers only once where the request is refused for more.
      requireHostHeader: false,
      noDelay: true,
    },
    onRequest,
  );
  server.maxConnections = parts.maxConnections;
  server.on('drop', parts.onConnectionRefused);
  // Node leaves out what is beyond its limit, and a header that is left out may be the one that matters.
  server.maxHeadersCount = 0;
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    refuse(request, response, { status: 417, message: 'The only expectation that can be met is 100-continue.' }),
  );
  // With a listener of our own Node sends `100 Continue` only when the body is really wanted.
  server.on('checkContinue', onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (refused.has(socket)) socket.destroySoon();
    else answerClientError(error, socket);
  });
  return server;
}

function callerOf({ socket, headers }: IncomingMessage): Caller {
  const { host, origin, 'sec-fetch-site': site } = headers;
  return { peer: socket.remoteAddress, host, origin, fetchSite: typeof site === 'string' ? site : undefined };
}

/** The path as it came, without the query: nothing is decoded or tidied, so nothing can be two paths at once. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

function unknownPath(path: string): GatewayError {
  return new GatewayError(
    'not_found',
    `There is no ${path.slice(0, 200)}; OpenAI's endpoints are under /v1, the management API under /api/v1.`,
  );
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, JSON.stringify(body), ['cache-control', 'no-store']);
}

function sendError(response: ServerResponse, error: GatewayError): void {
  send(response, error.status, error.toBody(), error.toHeaders());
}

function send(response: ServerResponse, status: number, body: string, headers: readonly string[]): void {
  const length = String(Buffer.byteLength(body));
  const own = ['content-type', 'application/json', 'x-content-type-options', 'nosniff', 'content-length', length];
  response.writeHead(status, [...own, ...headers]).end(body);
}

/** Node's code for what is wrong with the bytes of a request → status line and sentence. */
const clientErrors: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'The request headers are larger than the gateway takes.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
};

function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // Where an answer is on its way, a second one in its midst would make it another. Node's own handler looks at the same.
  const { _httpMessage: answer } = socket as Socket & { readonly _httpMessage?: ServerResponse | null };
  if (error.code === 'ECONNRESET' || !socket.writable || answer?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, message] = clientErrors[error.code ?? ''] ?? ['400 Bad Request', 'The request is not valid HTTP/1.1.'];
  const body = new GatewayError('invalid_request', message).toBody();
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
