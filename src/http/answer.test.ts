// How answers are framed: what goes over the wire for whom.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldReader } from '../lib/http1/fields.ts';
import { bytesOf } from './answer-bytes.ts';
import { answerWriter } from './answer-head.ts';
import { HttpAnswer, type AnswerConnection } from './answer.ts';
import { RequestBody } from './request-body.ts';
import { readRequestHead } from './request-head.ts';

/** A connection that notes what it is given. */
class Recorder implements AnswerConnection {
  readonly mostWaitingBytes = 10;
  readonly keepAliveSeconds = 5;
  readonly isClosing = false;
  readonly date = 'now';
  isAlone = false;
  finishes = 0;
  readonly writer = answerWriter();
  waitingBytes = 0;
  sent = '';
  /** The same in the memory that it was given in. */
  readonly kept: Uint8Array[] = [];
  ended: 'keeps' | 'closes' | undefined;
  #postponed: (() => void)[] = [];

  postpone(send: () => void): void {
    this.#postponed.push(send);
  }

  send(pieces: readonly Uint8Array[]): boolean {
    this.sent += Buffer.concat(pieces).toString('latin1');
    this.kept.push(...pieces);
    return true;
  }

  finish(pieces: readonly Uint8Array[], closes: boolean): void {
    this.send(pieces);
    this.finishes += 1;
    this.ended = closes ? 'closes' : 'keeps';
  }

  turn(): void {
    for (const send of this.#postponed.splice(0)) send();
  }
}

/** Writes an answer to the request of these first lines, a turn for each text; the body of the request is there. */
function answer(request: string, status: number, headers: readonly string[], texts: readonly string[]): Recorder {
  const connection = new Recorder();
  const body = new RequestBody(0, { pause() {}, resume() {}, invite() {} });
  body.end();
  const written = new HttpAnswer(readRequestHead(request, new FieldReader()), body, connection);
  written.start(status, headers);
  for (const [i, text] of texts.entries()) {
    if (i === texts.length - 1) written.end(text);
    else written.write(Buffer.from(text));
    connection.turn();
  }
  return connection;
}

const get = 'GET / HTTP/1.1\r\nhost: a';
const old = 'GET / HTTP/1.0';
const oldKept = `${old}\r\nconnection: keep-alive`;
const kept = 'date: now\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n\r\n';
const closed = 'date: now\r\nconnection: close\r\n\r\n';
const ok = 'HTTP/1.1 200 OK\r\n';

test('the end of an answer is told in the way that its client understands', () => {
  const rows: readonly (readonly [
    request: string,
    status: number,
    headers: readonly string[],
    texts: readonly string[],
    sent: string,
    ended: Recorder['ended'],
  ])[] = [
    [get, 200, [], ['abc'], `${ok}content-length: 3\r\n${kept}abc`, 'keeps'],
    [get, 200, [], [''], `${ok}content-length: 0\r\n${kept}`, 'keeps'],
    [get, 200, ['Content-Length', '3'], ['a', 'bc'], `${ok}Content-Length: 3\r\n${kept}abc`, 'keeps'],
    [
      get,
      200,
      [],
      ['a', '', 'bc'],
      `${ok}transfer-encoding: chunked\r\n${kept}1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`,
      'keeps',
    ],
    [get, 200, [], ['a', ''], `${ok}transfer-encoding: chunked\r\n${kept}1\r\na\r\n0\r\n\r\n`, 'keeps'],
    [get, 204, [], [''], `HTTP/1.1 204 No Content\r\n${kept}`, 'keeps'],
    [get, 599, [], [''], `HTTP/1.1 599 \r\ncontent-length: 0\r\n${kept}`, 'keeps'],
    [`${get}\r\nconnection: close`, 200, [], ['a'], `${ok}content-length: 1\r\n${closed}a`, 'closes'],
    ['HEAD / HTTP/1.1\r\nhost: a', 200, ['content-length', '3'], ['abc'], `${ok}content-length: 3\r\n${kept}`, 'keeps'],
    ['HEAD / HTTP/1.1\r\nhost: a', 200, [], ['abc'], `${ok}content-length: 3\r\n${kept}`, 'keeps'],
    ['HEAD / HTTP/1.1\r\nhost: a', 200, [], ['a', 'bc'], `${ok}${kept}`, 'keeps'],
    [old, 200, [], ['abc'], `${ok}content-length: 3\r\n${closed}abc`, 'closes'],
    [oldKept, 200, [], ['abc'], `${ok}content-length: 3\r\n${kept}abc`, 'keeps'],
    [oldKept, 200, [], ['a', 'bc'], `${ok}${closed}abc`, 'closes'],
  ];
  for (const [request, status, headers, texts, sent, ended] of rows) {
    const connection = answer(request, status, headers, texts);
    assert.equal(connection.sent, sent);
    assert.equal(connection.ended, ended);
  }
});

test('what is written in one turn is one chunk', () => {
  const connection = new Recorder();
  const body = new RequestBody(0, { pause() {}, resume() {}, invite() {} });
  body.end();
  const written = new HttpAnswer(readRequestHead(get, new FieldReader()), body, connection);
  written.start(200, []);
  assert.equal(written.write(Buffer.from('abc')), true);
  assert.equal(written.write(Buffer.from('defghijk')), false, 'more than ten bytes wait');
  let resumed = 0;
  written.onceWritable(() => (resumed += 1));
  connection.turn();
  assert.equal(resumed, 1);
  assert.match(connection.sent, /\r\n\r\nb\r\nabcdefghijk\r\n$/u);
  written.end();
  connection.turn();
  assert.match(connection.sent, /\r\nabcdefghijk\r\n0\r\n\r\n$/u);
});

test('a header that would end its line early is never sent', () => {
  for (const [name, value] of [
    ['x', 'a\r\nb: c'],
    ['x', 'a\nb'],
    ['x', 'a\0'],
    ['x', '→'],
    ['x y', 'a'],
    ['', 'a'],
    ['x:', 'a'],
  ] as const)
    assert.throws(() => answerWriter().write([name, value]), /cannot be sent/u, JSON.stringify([name, value]));
});

test('a large piece is handed on where it lies', () => {
  const large = Buffer.alloc(100_000, 'x');
  const pieces = bytesOf({ head: 'head\r\n\r\n', pieces: [large], isChunked: true, isLast: true }, false);
  assert.ok(pieces.includes(large));
  assert.equal(Buffer.concat(pieces).toString('latin1'), `head\r\n\r\n186a0\r\n${large.toString()}\r\n0\r\n\r\n`);
});

test('the end of the only answer under way is sent at once, with what has waited, and once', () => {
  const connection = new Recorder();
  const body = new RequestBody(0, { pause() {}, resume() {}, invite() {} });
  body.end();
  const written = new HttpAnswer(readRequestHead(get, new FieldReader()), body, connection);
  written.start(200, []);
  written.write(Buffer.from('one'));
  assert.equal(connection.sent, '', 'others may still write in this turn');
  connection.isAlone = true;
  written.end('two');
  assert.match(connection.sent, /onetwo/u);
  connection.turn();
  assert.equal(connection.sent.match(/onetwo/gu)?.length, 1);
  assert.equal(connection.finishes, 1);
});

test('what was written belongs to whoever wrote it again, and goes out as it was, also when the client takes it late', () => {
  for (const isBehind of [false, true]) {
    for (const size of [1, 15, 16, 255, 256, 4095, 4096, 20_000, 70_000]) {
      const connection = new Recorder();
      const body = new RequestBody(0, { pause() {}, resume() {}, invite() {} });
      body.end();
      const written = new HttpAnswer(readRequestHead(get, new FieldReader()), body, connection);
      written.start(200, []);
      let expected = '';
      for (const letters of [['a'], ['b'], ['c', 'd'], ['e']]) {
        for (const letter of letters) {
          const bytes = Buffer.alloc(size, letter);
          written.write(bytes);
          bytes.fill('!');
        }
        connection.waitingBytes = isBehind ? 1 : 0;
        connection.turn();
        const text = letters.map((letter) => letter.repeat(size)).join('');
        expected += `${text.length.toString(16)}\r\n${text}\r\n`;
      }
      written.end();
      connection.turn();
      const sent = isBehind ? Buffer.concat(connection.kept).toString('latin1') : connection.sent;
      assert.equal(sent.slice(sent.indexOf('\r\n\r\n') + 4), `${expected}0\r\n\r\n`);
    }
  }
});
