// Clients that take their time: each is cut off in the end, wherever it dawdles, and too many at once are turned away.
import assert from 'node:assert/strict';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { after, before, suite, test, type TestContext } from 'node:test';
import { StoppedError } from '../../src/core/exchange.ts';
import { Lifecycle } from '../../src/http/lifecycle.ts';
import type { HttpExchange } from '../../src/http/exchange.ts';
import type { HttpListener } from '../../src/http/listener.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { eventually } from '../support/await.ts';

/**
 * Far below the usual ones, so that the test need not wait; what is tested is that they end. Who takes 64 MiB may stand
 * still for a while on a busy machine.
 */
const limits = { headMs: 200, requestMs: 400, keepAliveMs: 100, stallMs: 1000, checkEveryMs: 20 };
/** More than the system takes for a client that does not read. */
const largeAnswer = Buffer.alloc(64 << 20);
const maxConnections = 5;

/** How the answers without an end ended. */
const ends: string[] = [];

/** Answers for ever, as fast as it is taken. */
function endless({ answer, cancellation }: HttpExchange): void {
  const piece = Buffer.alloc(64 << 10);
  const write = (): void => {
    if (cancellation.reason !== undefined) return;
    if (answer.write(piece)) setImmediate(write);
    else answer.onceWritable(write);
  };
  cancellation.onCancel((reason) => ends.push(reason));
  answer.start(200, []);
  write();
}

interface Dawdler {
  /** Resolves with all that came when the connection has been closed. */
  readonly closed: Promise<string>;
  readonly socket: Socket;
}

/** Connects, sends `start` at once and the rest a byte at a time, until the test is over. */
function dawdle(t: TestContext, port: number, start: string, rest = ''): Dawdler {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('error', () => {});
  if (start !== '') socket.write(start);
  const timer = setInterval(() => {
    if (rest !== '' && socket.writable) socket.write(rest.charAt(0));
  }, 20);
  const closed = new Promise<string>((resolve) => {
    socket.on('close', () => {
      clearInterval(timer);
      resolve(received);
    });
  });
  return { closed, socket };
}

suite('slow clients', () => {
  let listener: HttpListener;
  let port: number;
  let refusedConnections = 0;
  const bodies: (Uint8Array | string)[] = [];
  before(async () => {
    listener = createHttpServer({
      async serve(exchange) {
        try {
          bodies.push(await exchange.readBody({ begin: () => {}, add: () => {}, end: () => {} }));
          if (exchange.path === '/v1/endless') {
            endless(exchange);
            return;
          }
          const answer = exchange.path === '/v1/large' ? largeAnswer : Buffer.from('ok');
          exchange.answer.start(200, ['content-length', String(answer.length)]);
          exchange.answer.end(answer);
        } catch (error) {
          assert.ok(error instanceof StoppedError);
          bodies.push(error.reason);
        }
      },
      async management(exchange) {
        try {
          await exchange.readBody({ begin: () => {}, add: () => {}, end: () => {} });
        } catch {
          // It has gone.
        }
        exchange.answer.start(200, []);
        exchange.answer.end('managed');
      },
      metrics: async () => ({ text: 'a 1\n', type: 'text/plain' }),
      degraded: () => [],
      lifecycle: new Lifecycle(),
      clock: systemClock,
      maxBodyBytes: 1000,
      maxConnections,
      onConnectionRefused: () => (refusedConnections += 1),
      isLocal: true,
      limits,
    });
    await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
    ({ port } = listener.server.address() as AddressInfo);
  });
  after(() => {
    listener.close();
    listener.closeAll();
  });

  const post = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n`;

  for (const [name, start, rest] of [
    ['nothing at all', '', ''],
    ['a request line that does not end', 'GET /v1/', 'a'],
    ['headers that do not end', 'GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ', 'a'],
    ['a head that does not end', 'GET /health HTTP/1.1\r\nHost: localhost\r\n', ''],
    ['a body of the data plane that does not end', post('/v1/chat/completions'), ' '],
    ['a body of the data plane that does not begin', post('/v1/chat/completions'), ''],
    ['a body of the management API that does not end', post('/api/v1/accounts'), ' '],
    [
      'chunks that do not end',
      'POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n',
      '0',
    ],
  ] as const) {
    test(`${name}: 408, and the connection is closed`, async (t) => {
      const received = await dawdle(t, port, start, rest).closed;
      // Where chunks dawdle, their framing ends as nonsense first.
      assert.match(received, /^HTTP\/1\.1 40[08] [^]*\r\nconnection: close\r\n[^]*"type":"invalid_request_error"/u);
    });
  }

  test('whoever waited for such a body hears that the client has gone', async () => {
    await eventually('all have heard', () => bodies.length === 3);
    assert.deepEqual(new Set(bodies), new Set(['client_gone']));
  });

  const getLarge = 'GET /v1/large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const connections = (): Promise<number> =>
    new Promise((resolve) => listener.server.getConnections((_, count) => resolve(count)));

  test('who takes nothing more of an answer that is over is cut off', async (t) => {
    await eventually('the others are gone', async () => (await connections()) === 0);
    const { closed, socket } = dawdle(t, port, getLarge);
    socket.pause();
    await eventually('the answer is under way', async () => (await connections()) === 1);
    await eventually('the connection is closed', async () => (await connections()) === 0);
    socket.resume();
    assert.ok((await closed).length < largeAnswer.length);
  });

  test('who takes nothing more of an answer that goes on is cut off, and whoever makes it hears of it', async (t) => {
    const { closed, socket } = dawdle(t, port, 'GET /v1/endless HTTP/1.1\r\nHost: localhost\r\n\r\n');
    socket.pause();
    await eventually('it has ended', () => ends.length === 1);
    assert.deepEqual(ends, ['client_gone']);
    socket.resume();
    await closed;
  });

  test('who takes it is given all of it', async (t) => {
    assert.ok((await dawdle(t, port, getLarge).closed).length > largeAnswer.length);
  });

  test('a connection without a request is kept for a while and then closed', async (t) => {
    const { closed } = dawdle(t, port, 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(await closed, /^HTTP\/1\.1 200 OK\r\n[^]*\{"status":"ok"\}$/u);
  });

  test('more connections than there may be: the newcomer is closed at once, and one that goes makes room', async (t) => {
    const head = 'GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ';
    const open = Array.from({ length: maxConnections }, () => dawdle(t, port, head, 'a'));
    await eventually(
      'they are connected',
      () => new Promise((resolve) => listener.server.getConnections((_, n) => resolve(n === maxConnections))),
    );
    assert.equal(await dawdle(t, port, 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n').closed, '');
    assert.equal(refusedConnections, 1);
    open[0]?.socket.destroy();
    await eventually(
      'there is room',
      () => new Promise((resolve) => listener.server.getConnections((_, n) => resolve(n < maxConnections))),
    );
    const served = dawdle(t, port, 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    assert.match(await served.closed, /^HTTP\/1\.1 200 OK/u);
  });
});
