// What every way out to the providers must do, held against raw sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { AnswerListener, TransportError, Upstream } from '../../src/upstream/upstream.ts';
import { eventually } from '../support/await.ts';
import { hearNoDelay } from '../support/no-delay.ts';
import { startRawUpstream, type RawRequest, type RawUpstream } from '../support/raw-upstream.ts';

/** All that was heard of one answer. */
export interface Heard {
  sent: number;
  status: number | undefined;
  headers: readonly string[];
  body: string;
  end: 'whole' | TransportError['problem'] | undefined;
  message: string;
}

/** Sends a request and hears it to its end. */
export function ask(upstream: Upstream, origin: string, bytes: Uint8Array | null = Buffer.from('{}')): Promise<Heard> {
  const body = bytes === null ? null : [bytes];
  return new Promise((resolve) => {
    const heard: Heard = { sent: 0, status: undefined, headers: [], body: '', end: undefined, message: '' };
    const listener: AnswerListener = {
      onSent: () => (heard.sent += 1),
      onHead(status, headers) {
        assert.equal(heard.status, undefined, 'one head');
        heard.status = status;
        heard.headers = headers;
      },
      onData: (chunk) => (heard.body += Buffer.from(chunk).toString('latin1')),
      onEnd() {
        assert.equal(heard.end, undefined, 'one end');
        heard.end = 'whole';
        resolve(heard);
      },
      onError(error) {
        assert.equal(heard.end, undefined, 'one end');
        heard.end = error.problem;
        heard.message = error.message;
        resolve(heard);
      },
    };
    const headers = ['content-type', 'application/json', 'authorization', 'Bearer x'];
    upstream.send({ origin, mayBePrivate: true, method: 'POST', path: '/v1/x?y=1', headers, body }, listener);
  });
}

type Answer = (socket: Socket, request: RawRequest, n: number) => void | Promise<void>;

async function withUpstream(
  open: (connectTimeoutMs: number) => Upstream,
  answer: Answer,
  work: (upstream: Upstream, raw: RawUpstream) => Promise<void>,
): Promise<void> {
  const raw = await startRawUpstream(answer);
  const upstream = open(1000);
  try {
    await work(upstream, raw);
  } finally {
    await raw.close();
    await upstream.close();
  }
}

const text = (lines: readonly string[], body = ''): string => `${lines.join('\r\n')}\r\n\r\n${body}`;
const ok = 'HTTP/1.1 200 OK';

/** Answers that are whole: what is sent → status and body that are heard. */
const wholeAnswers: Readonly<Record<string, readonly [bytes: string, status: number, body: string]>> = {
  'a body of known length': [text([ok, 'Content-Length: 5'], 'hello'), 200, 'hello'],
  'an empty body': [text([ok, 'content-length: 0']), 200, ''],
  chunks: [text([ok, 'Transfer-Encoding: chunked'], '3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n'), 200, 'hello'],
  'chunks with trailers': [
    text([ok, 'transfer-encoding: Chunked'], '5\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n'),
    200,
    'hello',
  ],
  'an interim answer before': [
    text(['HTTP/1.1 103 Early Hints', 'link: x']) + text([ok, 'content-length: 2'], 'ok'),
    200,
    'ok',
  ],
  'no reason': [text(['HTTP/1.1 503', 'content-length: 1'], 'x'), 503, 'x'],
  'no body by its status': [text(['HTTP/1.1 204 No Content']), 204, ''],
};

/** Answers that end with their connection. */
const closedAnswers: Readonly<Record<string, readonly [bytes: string, end: Heard['end'], body: string]>> = {
  'a body that ends with the connection': [text([ok], 'hello'), 'whole', 'hello'],
  'of HTTP/1.0': [text(['HTTP/1.0 200 OK', 'content-length: 5'], 'hello'), 'whole', 'hello'],
  'a body shorter than it says': [text([ok, 'content-length: 9'], 'hello'), 'connection_failed', 'hello'],
  'chunks without their end': [
    text([ok, 'transfer-encoding: chunked'], '5\r\nhello\r\n'),
    'connection_failed',
    'hello',
  ],
  'half a head': ['HTTP/1.1 200 OK\r\ncontent-le', 'connection_failed', ''],
  nothing: ['', 'connection_failed', ''],
};

/** What is no answer, or one that could be read in two ways. */
const badAnswers: Readonly<Record<string, string>> = {
  'no HTTP': 'SSH-2.0-OpenSSH_9.6\r\n\r\n',
  'a length and chunks': text([ok, 'content-length: 5', 'transfer-encoding: chunked'], '0\r\n\r\n'),
  'two lengths': text([ok, 'content-length: 5', 'content-length: 6'], 'hello!'),
  'a length that is no number': text([ok, 'content-length: five'], 'hello'),
  'a chunk whose size is no number': text([ok, 'transfer-encoding: chunked'], 'xyz\r\nhello\r\n'),
  'a chunk longer than it says': text([ok, 'transfer-encoding: chunked'], '3\r\nhello\r\n0\r\n\r\n'),
  'a header without a colon': text([ok, 'nonsense', 'content-length: 0']),
  'a blank before the colon': text([ok, 'content-length : 0']),
  'a line that goes on': text([ok, 'x: a', ' b', 'content-length: 0']),
};

/**
 * The suite; `open` makes one with this limit for connecting. Of the check, another's client, only that is asked which
 * says what an answer means: it may take a second connection, or say in other words that it cannot send something.
 */
export function upstreamContract(name: string, open: (connectTimeoutMs: number) => Upstream, isCheck = false): void {
  suite(`${name} as a way out`, () => {
    for (const [what, [bytes, status, body]] of Object.entries(wholeAnswers)) {
      test(`${what}, in one piece and byte by byte, on one connection`, () =>
        withUpstream(
          open,
          async (socket, _request, n) => {
            if (n % 2 === 1) {
              socket.write(bytes, 'latin1');
              return;
            }
            for (const byte of Buffer.from(bytes, 'latin1')) {
              socket.write(Buffer.of(byte));
              await new Promise((resolve) => setImmediate(resolve));
            }
          },
          async (upstream, raw) => {
            for (let n = 0; n < 4; n += 1) {
              const heard = await ask(upstream, raw.url);
              assert.deepEqual([heard.end, heard.status, heard.body, heard.sent], ['whole', status, body, 1]);
            }
            assert.ok(isCheck || raw.openSockets() <= 1, 'the connection is used again');
          },
        ));
    }

    for (const [what, [bytes, end, body]] of Object.entries(closedAnswers)) {
      test(what, () =>
        withUpstream(
          open,
          (socket) => void socket.end(bytes, 'latin1'),
          async (upstream, raw) => {
            const heard = await ask(upstream, raw.url);
            assert.deepEqual([heard.end, heard.body], [end, body]);
          },
        ),
      );
    }

    for (const [what, bytes] of Object.entries(badAnswers)) {
      test(`refused: ${what}`, () =>
        withUpstream(
          open,
          (socket) => void socket.write(bytes, 'latin1'),
          async (upstream, raw) => {
            assert.equal((await ask(upstream, raw.url)).end, 'invalid_response');
            await eventually('its connection is closed', () => raw.openSockets() === 0);
          },
        ));
    }

    test('the request as it goes over the wire, with a small body, a large one and none', () =>
      withUpstream(
        open,
        (socket) => void socket.write(text([ok, 'content-length: 0'])),
        async (upstream, raw) => {
          const bodies = [Buffer.from('{"a":1}'), Buffer.alloc(3_000_000, 'x'), null];
          for (const body of bodies) await ask(upstream, raw.url, body);
          for (const [i, body] of bodies.entries()) {
            const { head, body: received } = raw.requests[i] as RawRequest;
            const lines = head.toLowerCase().split('\r\n');
            assert.equal(lines[0], 'post /v1/x?y=1 http/1.1');
            assert.ok(lines.includes(`host: ${new URL(raw.url).host}`));
            assert.ok(lines.includes('authorization: bearer x'));
            if (body !== null) assert.ok(lines.includes(`content-length: ${body.length}`) && received.equals(body));
          }
        },
      ));

    if (isCheck) return;

    test('headers come with their names in lower case, repeated ones as they were', () =>
      withUpstream(
        open,
        (socket) => void socket.write(text([ok, 'X-One:  a b \t', 'X-Two: 1', 'x-two: 2', 'Content-Length: 0'])),
        async (upstream, raw) => {
          const { headers } = await ask(upstream, raw.url);
          assert.deepEqual(headers.slice(0, 6), ['x-one', 'a b', 'x-two', '1', 'x-two', '2']);
        },
      ));

    test('what is sent waits for no word of the other side that what went before has come', (t) =>
      withUpstream(
        open,
        (socket) => void socket.write(text([ok, 'content-length: 0'])),
        async (upstream, raw) => {
          const told = await hearNoDelay(t);
          await ask(upstream, raw.url);
          assert.deepEqual(told(), [true]);
        },
      ));

    test('a compressed answer is undone', () =>
      withUpstream(
        open,
        (socket) => {
          const body = gzipSync('hello');
          socket.write(text([ok, 'content-encoding: gzip', `content-length: ${body.length}`]));
          socket.write(body);
        },
        async (upstream, raw) => assert.equal((await ask(upstream, raw.url)).body, 'hello'),
      ));

    test('a compressed answer that is damaged is refused before its end, and its connection is closed', () =>
      withUpstream(
        open,
        (socket) => void socket.write(text([ok, 'content-encoding: gzip', 'content-length: 1000'], 'no gzip at all')),
        async (upstream, raw) => {
          assert.equal((await ask(upstream, raw.url)).end, 'invalid_response');
          await eventually('its connection is closed', () => raw.openSockets() === 0);
        },
      ));

    test('a connection on which the answer was whole before the request was carries no other', async (t) => {
      const sockets: Socket[] = [];
      // Answers as soon as anything comes, and reads no further.
      const server = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {});
        socket.once('data', () => {
          socket.pause();
          socket.write(text(['HTTP/1.1 413 Too Large', 'content-length: 0']));
        });
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const upstream = open(1000);
      t.after(async () => {
        for (const socket of sockets) socket.destroy();
        server.close();
        await upstream.close();
      });
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      for (let n = 1; n <= 2; n += 1) {
        const heard = await ask(upstream, origin, Buffer.alloc(30_000_000));
        assert.deepEqual([heard.end, heard.status, sockets.length], ['whole', 413, n]);
      }
    });

    for (const coding of ['constructor', '__proto__', 'nonsense'])
      test(`an answer whose coding is named "${coding}" is left as it came`, () =>
        withUpstream(
          open,
          (socket) => void socket.write(text([ok, `content-encoding: ${coding}`, 'content-length: 5'], 'hello')),
          async (upstream, raw) => assert.equal((await ask(upstream, raw.url)).body, 'hello'),
        ));

    test('a header that would end its line early is never sent', () =>
      withUpstream(
        open,
        (socket) => void socket.write(text([ok, 'content-length: 0'])),
        async (upstream, raw) => {
          const problem = await new Promise((resolve) => {
            const silent = { onSent() {}, onHead() {}, onData() {}, onEnd: () => resolve('whole') };
            const request = { origin: raw.url, mayBePrivate: true, method: 'POST', path: '/', body: null } as const;
            upstream.send(
              { ...request, headers: ['x', 'a\r\nx-evil: 1'] },
              { ...silent, onError: (error) => resolve(error.problem) },
            );
          });
          assert.equal(problem, 'invalid_response');
          assert.equal(raw.requests.length, 0);
        },
      ));

    test('a request is asked whether it may leave, and leaves no byte behind where it may not', () =>
      withUpstream(
        open,
        (socket) => void socket.write(text([ok, 'content-length: 0'])),
        async (upstream, raw) => {
          for (const body of [[Buffer.from('{}')], [Buffer.alloc(3_000_000, 'x')], null]) {
            await ask(upstream, raw.url);
            const bytesBefore = raw.receivedBytes();
            let asked = 0;
            const problem = await new Promise((resolve) => {
              const silent = { onSent() {}, onHead() {}, onData() {}, onEnd: () => resolve('whole') };
              const request = { origin: raw.url, mayBePrivate: true, method: 'POST', path: '/', headers: [] } as const;
              const mayLeave = (): boolean => (asked += 1) === 0;
              upstream.send({ ...request, body, mayLeave }, { ...silent, onError: (error) => resolve(error.problem) });
            });
            assert.deepEqual([problem, asked], ['connection_failed', 1]);
            await eventually('its connection is closed', () => raw.openSockets() === 0);
            assert.equal(raw.receivedBytes(), bytesBefore);
          }
        },
      ));

    test('what comes unasked on an idle connection, or after an answer, is nobody’s answer', () =>
      withUpstream(
        open,
        (socket, _request, n) => {
          const answer = text([ok, 'content-length: 2'], `n${n}`);
          if (n === 1) socket.write(answer + text([ok, 'content-length: 4'], 'evil'));
          else socket.write(answer);
          if (n === 2) setTimeout(() => socket.write(text([ok, 'content-length: 4'], 'evil')), 20);
        },
        async (upstream, raw) => {
          for (const expected of ['n1', 'n2']) assert.equal((await ask(upstream, raw.url)).body, expected);
          await eventually('the connection is given up', () => raw.openSockets() === 0);
          assert.equal((await ask(upstream, raw.url)).body, 'n3');
        },
      ));

    test('a connection that the upstream keeps no longer is not used again, one that it keeps is', () => {
      const carriers: Socket[] = [];
      const keeps = ['timeout=60', 'timeout=1', 'timeout=0', 'timeout=60, max=100', 'timeout=60'];
      return withUpstream(
        open,
        (socket, _request, n) => {
          carriers.push(socket);
          socket.write(text([ok, `keep-alive: ${keeps[n - 1]}`, 'content-length: 0']));
        },
        async (upstream, raw) => {
          for (const _ of keeps) assert.equal((await ask(upstream, raw.url)).end, 'whole');
          const isSame = carriers.slice(1).map((socket, i) => socket === carriers[i]);
          assert.deepEqual(isSame, [true, false, false, true]);
        },
      );
    });

    test('refused, reset, not reachable in time', async (t) => {
      const upstream = open(300);
      t.after(() => upstream.close());
      const raw = await startRawUpstream((socket) => void socket.resetAndDestroy());
      t.after(() => raw.close());
      assert.equal((await ask(upstream, raw.url)).end, 'connection_failed');
      await raw.close();
      const refused = await ask(upstream, raw.url);
      assert.deepEqual([refused.end, refused.sent], ['connection_failed', 0]);
      const unknown = await ask(upstream, 'http://name.invalid');
      assert.deepEqual([unknown.end, unknown.sent], ['connection_failed', 0]);
    });

    test('an aborted request closes its connection, before the answer and in the middle of it', () =>
      withUpstream(
        open,
        (socket, _request, n) => void (n === 2 && socket.write(text([ok, 'content-length: 9'], 'hel'))),
        async (upstream, raw) => {
          for (let n = 1; n <= 2; n += 1) {
            const problem = await new Promise((resolve) => {
              const transmission = upstream.send(
                { origin: raw.url, mayBePrivate: true, method: 'POST', path: '/', headers: [], body: null },
                {
                  onSent() {},
                  onHead() {},
                  onData: () => transmission.abort(),
                  onEnd: () => resolve('whole'),
                  onError: (error) => resolve(error.problem),
                },
              );
              if (n === 1)
                void eventually('it is there', () => raw.requests.length === 1).then(() => transmission.abort());
            });
            assert.equal(problem, 'aborted');
            await eventually('its connection is closed', () => raw.openSockets() === 0);
          }
        },
      ));

    test('a paused answer waits in the upstream, and goes on where it stood', () =>
      withUpstream(
        open,
        (socket) =>
          void socket.write(Buffer.concat([Buffer.from(text([ok, 'content-length: 30000000'])), Buffer.alloc(3e7)])),
        async (upstream, raw) => {
          let received = 0;
          let isPaused = false;
          const whole = new Promise<void>((resolve, reject) => {
            const transmission = upstream.send(
              { origin: raw.url, mayBePrivate: true, method: 'POST', path: '/', headers: [], body: null },
              {
                onSent() {},
                onHead() {},
                onData(chunk) {
                  received += chunk.length;
                  if (isPaused || received < 1e6) return;
                  isPaused = true;
                  transmission.pause();
                  const atPause = received;
                  setTimeout(() => {
                    assert.ok(received - atPause <= 1 << 20, `${received - atPause} bytes came all the same`);
                    transmission.resume();
                  }, 100);
                },
                onEnd: resolve,
                onError: reject,
              },
            );
          });
          await whole;
          assert.equal(received, 3e7);
        },
      ));

    test('closing waits for what runs, and closes what is idle', () =>
      withUpstream(
        open,
        (socket, _request, n) =>
          void setTimeout(() => socket.write(text([ok, 'content-length: 0'])), n === 2 ? 100 : 0),
        async (upstream, raw) => {
          await ask(upstream, raw.url);
          const running = ask(upstream, raw.url);
          await eventually('it is under way', () => raw.requests.length === 2);
          await upstream.close();
          assert.equal((await running).end, 'whole');
          await eventually('nothing is open', () => raw.openSockets() === 0);
        },
      ));
  });
}
