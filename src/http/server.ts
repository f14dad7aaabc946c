// The listener: splits what comes in by its path, once, and speaks plain HTTP errors in OpenAI's form.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError } from '../core/errors.ts';
import type { Clock } from '../lib/clock.ts';
import { newId } from '../lib/id.ts';
import { HttpExchange } from './exchange.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Slow-header and slow-body clients are cut off after these. */
const headersTimeoutMs = 60_000;
const bodyTimeoutMs = 300_000;
/** Longer than load balancers and SDK pools keep a connection, so that they close it and never meet a closed one. */
const keepAliveMs = 75_000;

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
}

/** Builds the server; it does not listen yet. */
export function createHttpServer(parts: ServerParts): Server {
  const { lifecycle, clock } = parts;
  const exact: Readonly<Record<string, Listener>> = {
    '/health': (_request, response) => sendJson(response, 200, { status: 'ok' }),
    '/ready': (_request, response) => {
      const degraded = parts.degraded();
      const body = { status: lifecycle.state, ...(degraded.length > 0 && { degraded }) };
      sendJson(response, lifecycle.state === 'ready' ? 200 : 503, body);
    },
    '/metrics': (_request, response) => {
      parts.metrics().then(
        ({ text, type }) => response.writeHead(200, { 'content-type': type }).end(text),
        () => sendError(response, new GatewayError('gateway_error', 'The metrics could not be collected.')),
      );
    },
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const path = pathOf(request.url ?? '');
    if (path.startsWith('/v1/') || path === '/v1') {
      // The id says the time to the millisecond: who asks for requests by time asks for their ids.
      const receivedAtMs = clock.nowMs();
      const exchange = new HttpExchange(request, response, {
        id: newId('req', receivedAtMs),
        receivedAtMs,
        path,
        maxBodyBytes: parts.maxBodyBytes,
        isClosing: () => lifecycle.state === 'draining',
      });
      lifecycle.track(exchange, Promise.all([parts.serve(exchange), exchange.closed]));
      return;
    }
    if (lifecycle.state === 'draining') response.setHeader('connection', 'close');
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
    { headersTimeout: headersTimeoutMs, requestTimeout: bodyTimeoutMs, keepAliveTimeout: keepAliveMs, noDelay: true },
    onRequest,
  );
  // With a listener of our own Node sends `100 Continue` only when the body is really wanted.
  server.on('checkContinue', onRequest);
  server.on('clientError', answerClientError);
  return server;
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
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
}

function sendError(response: ServerResponse, error: GatewayError): void {
  response.writeHead(error.status, ['content-type', 'application/json', ...error.toHeaders()]).end(error.toBody());
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
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = clientErrors[error.code ?? ''] ?? ['400 Bad Request', 'The request is not valid HTTP/1.1.'];
  const body = new GatewayError('invalid_request', message).toBody();
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
