// Requests cut anywhere, and with bytes tampered with: however they come, they are read in the same way or refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldReader } from '../lib/http1/fields.ts';
import { MessageFormatError } from '../lib/http1/format-error.ts';
import { MessageParser } from '../lib/http1/message-parser.ts';
import { readRequestHead, requestsWith, type RequestHead } from './request-head.ts';

const kind = requestsWith(new FieldReader());
const read = (text: string): RequestHead => readRequestHead(text, new FieldReader());

test('a head, read', () => {
  const head = read(
    'POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\nX-A:\t b \r\nX-Empty:',
  );
  assert.deepEqual(head, {
    method: 'POST',
    target: '/v1/chat/completions?a=b',
    fields: ['host', 'localhost', 'content-length', '12', 'x-a', 'b', 'x-empty', ''],
    isOld: false,
    keepsAlive: true,
    refusal: undefined,
    length: { kind: 'bytes', count: 12 },
  });
});

test('what follows upon a request', () => {
  const rows: readonly (readonly [version: string, lines: string, keepsAlive: boolean])[] = [
    ['1.1', '', true],
    ['1.1', '\r\nConnection: keep-alive', true],
    ['1.1', '\r\nConnection: Close', false],
    ['1.1', '\r\nConnection: x, close', false],
    ['1.1', '\r\nConnection: upgrade\r\nUpgrade: websocket', false],
    ['1.0', '', false],
    ['1.0', '\r\nConnection: Keep-Alive', true],
    ['1.0', '\r\nConnection: close', false],
  ];
  for (const [version, lines, keepsAlive] of rows)
    assert.equal(read(`GET / HTTP/${version}\r\nHost: a${lines}`).keepsAlive, keepsAlive, version + lines);
});

test('what is no head', () => {
  const bad = [
    '',
    'GET /',
    'GET  HTTP/1.1',
    'get / HTTP/1.1',
    'GE:T / HTTP/1.1',
    'GET / http/1.1',
    'GET / HTTP/1.1 ',
    'GET\t/ HTTP/1.1',
    'GET / HTTP/11',
    'GET / HTTP/1.1\nHost: a',
    'GET / HTTP/1.1\rHost: a',
    'GET / HTTP/1.1\r\nHost: a\r\n b',
    'GET / HTTP/1.1\r\nHost : a',
    'GET / HTTP/1.1\r\n: a',
    'GET / HTTP/1.1\r\nHost',
    'GET / HTTP/1.1\r\nHost: a\0',
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x',
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length:',
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked',
  ];
  for (const text of bad) assert.throws(() => read(text), MessageFormatError, JSON.stringify(text));
});

test('what can never be a head is refused at once, what can be is waited for', () => {
  for (const text of [
    '\x16\x03\x01',
    'get',
    'G1',
    'A'.repeat(40),
    'GET\t',
    '{"a":1}',
    'GET / HTTP/1.1\nhost: a\n\n',
    '\n',
  ])
    assert.equal(kind.couldBegin(Buffer.from(text, 'latin1'), 0), false, text);
  for (const text of [
    '\r',
    'G',
    'GET',
    'GET ',
    'GET /v1',
    'M-SEARCH *',
    'GET / HTTP/1.1\r\nhost: a\r\n',
    `GET /${'a'.repeat(90)}`,
  ])
    assert.equal(kind.couldBegin(Buffer.from(text), 0), true, text);
});

interface Parsed {
  readonly heads: readonly RequestHead[];
  readonly bodies: readonly string[];
}

/** Parses bytes in pieces of these lengths, request after request. */
function parse(bytes: Buffer, cuts: readonly number[]): Parsed {
  const heads: RequestHead[] = [];
  const bodies: string[] = [];
  const parser = new MessageParser(kind, {
    onHead(head) {
      heads.push(head);
      bodies.push('');
    },
    onBody: (piece) => (bodies[bodies.length - 1] += piece.toString('latin1')),
    onDone() {},
  });
  let at = 0;
  for (const length of [...cuts, bytes.length]) {
    // A copy: a parser moves what is in its bytes.
    for (let rest = Buffer.from(bytes.subarray(at, at + length)); rest.length > 0;) {
      rest = rest.subarray(parser.push(rest));
      if (parser.isDone) parser.reset();
    }
    at += length;
  }
  return { heads, bodies };
}

const body = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCodePoint(code)),
  maxLength: 99,
});
const requests = fc
  .array(
    fc.record({ body, isChunked: fc.boolean(), size: fc.integer({ min: 1, max: 30 }), isAfterEmptyLine: fc.boolean() }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) => ({
    bodies: all.map((one) => one.body),
    text: all
      .map(({ body: content, isChunked, size, isAfterEmptyLine }) => {
        const start = `${isAfterEmptyLine ? '\r\n' : ''}POST / HTTP/1.1\r\nHost: a\r\n`;
        if (!isChunked) return `${start}Content-Length: ${content.length}\r\n\r\n${content}`;
        let chunks = '';
        for (let at = 0; at < content.length; at += size) {
          const piece = content.slice(at, at + size);
          chunks += `${piece.length.toString(16)};x=y\r\n${piece}\r\n`;
        }
        return `${start}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\nX-T: 1\r\n\r\n`;
      })
      .join(''),
  }));
const cuts = fc.array(fc.integer({ min: 1, max: 60 }));

test('requests one behind the other are the same wherever they are cut', () =>
  fc.assert(
    fc.property(requests, cuts, ({ bodies, text }, at) => {
      assert.deepEqual(parse(Buffer.from(text, 'latin1'), at).bodies, bodies);
    }),
    { numRuns: 500 },
  ));

test('requests that were tampered with are refused in words, or read in one way', () =>
  fc.assert(
    fc.property(
      requests,
      cuts,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      ({ text }, at, changes) => {
        const bytes = Buffer.from(text, 'latin1');
        for (const [place, byte] of changes) bytes[place % bytes.length] = byte;
        const outcomes = [at, []].map((pieces) => {
          try {
            return parse(bytes, pieces);
          } catch (error) {
            assert.ok(error instanceof MessageFormatError, String(error));
            return 'refused';
          }
        });
        assert.deepEqual(outcomes[0], outcomes[1], 'however it is cut');
      },
    ),
    { numRuns: 1000 },
  ));
