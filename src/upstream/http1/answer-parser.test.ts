// The parser against answers cut anywhere, and against bytes that somebody has tampered with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldReader } from '../../lib/http1/fields.ts';
import { MessageFormatError } from '../../lib/http1/format-error.ts';
import { MessageParser } from '../../lib/http1/message-parser.ts';
import { answersWith, readHead, type AnswerHead } from './answer-head.ts';

interface Parsed {
  readonly heads: AnswerHead[];
  readonly body: string;
  readonly isDone: boolean;
  /** Bytes behind the end of the answer. */
  readonly rest: number;
}

/** Parses bytes in pieces of these lengths, then hears the connection close. */
function parse(bytes: Buffer, cuts: readonly number[]): Parsed {
  const heads: AnswerHead[] = [];
  let body = '';
  let dones = 0;
  const parser = new MessageParser<AnswerHead>(answersWith(new FieldReader()), {
    onHead: (head) => heads.push(head),
    onBody: (piece) => (body += Buffer.from(piece).toString('latin1')),
    onDone: () => (dones += 1),
  });
  let at = 0;
  let rest = 0;
  for (const length of [...cuts, bytes.length]) {
    // A copy: a parser moves what is in its bytes.
    const piece = Buffer.from(bytes.subarray(at, at + length));
    at += piece.length;
    if (piece.length === 0) continue;
    const taken = parser.isDone ? 0 : parser.push(piece);
    rest += piece.length - taken;
  }
  const isDone = parser.close();
  assert.equal(dones, isDone ? 1 : 0, 'one end');
  return { heads, body, isDone, rest };
}

const content = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCodePoint(code)),
  maxLength: 200,
});
const value = fc.stringMatching(/^[!-~]{0,20}$/u);
const name = fc.stringMatching(/^X-[A-Za-z0-9]{1,10}$/u);

/** A whole answer: its bytes, and the body in it. */
const answers = fc
  .record({
    body: content,
    extra: fc.array(fc.tuple(name, value), { maxLength: 5 }),
    interim: fc.nat(2),
    framing: fc.constantFrom('length', 'chunked', 'close'),
    pieces: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
    extension: fc.constantFrom('', ';a=b', ' ; x'),
    trailer: fc.boolean(),
  })
  .map(({ body, extra, interim, framing, pieces, extension, trailer }) => {
    const fields = extra.map(([field, text]) => `${field}: ${text}\r\n`).join('');
    const before = 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(interim);
    const start = `${before}HTTP/1.1 200 OK\r\n${fields}`;
    if (framing === 'length') return { body, framing, text: `${start}Content-Length: ${body.length}\r\n\r\n${body}` };
    if (framing === 'close') return { body, framing, text: `${start}\r\n${body}` };
    let chunks = '';
    for (let at = 0, i = 0; at < body.length; i += 1) {
      const piece = body.slice(at, at + (pieces[i % pieces.length] as number));
      chunks += `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`;
      at += piece.length;
    }
    const end = `0\r\n${trailer ? 'x-t: 1\r\n' : ''}\r\n`;
    return { body, framing, text: `${start}Transfer-Encoding: chunked\r\n\r\n${chunks}${end}` };
  });
const cuts = fc.array(fc.integer({ min: 1, max: 60 }));

test('an answer is the same wherever it is cut, and ends where it ends', () =>
  fc.assert(
    fc.property(
      answers,
      cuts,
      fc.constantFrom('', 'HTTP/1.1 200 OK\r\n\r\nevil'),
      ({ text, body, framing }, at, behind) => {
        const isOpenEnded = framing === 'close';
        const parsed = parse(Buffer.from(text + (isOpenEnded ? '' : behind), 'latin1'), at);
        assert.equal(parsed.body, body);
        assert.deepEqual([parsed.heads.length, parsed.heads[0]?.status, parsed.isDone], [1, 200, true]);
        assert.equal(parsed.rest, isOpenEnded ? 0 : behind.length);
        assert.equal(parsed.heads[0]?.keepsAlive, !isOpenEnded);
      },
    ),
    { numRuns: 500 },
  ));

test('an answer that is cut short is never whole, unless its end is the end of its connection', () =>
  fc.assert(
    fc.property(answers, cuts, fc.nat(), ({ text, body, framing }, at, cut) => {
      const bytes = Buffer.from(text, 'latin1').subarray(0, cut % text.length);
      const parsed = parse(bytes, at);
      if (framing !== 'close') assert.equal(parsed.isDone, false);
      assert.ok(body.startsWith(parsed.body));
    }),
    { numRuns: 500 },
  ));

test('bytes that were tampered with are refused in words, or read as some answer, and never anything else', () =>
  fc.assert(
    fc.property(answers, cuts, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), ({ text }, at, changes) => {
      const bytes = Buffer.from(text, 'latin1');
      for (const [place, byte] of changes) bytes[place % bytes.length] = byte;
      const outcomes = [at, []].map((pieces) => {
        try {
          const { heads, body, isDone } = parse(bytes, pieces);
          return { heads, body, isDone };
        } catch (error) {
          assert.ok(error instanceof MessageFormatError, String(error));
          return 'refused';
        }
      });
      assert.deepEqual(outcomes[0], outcomes[1], 'however it is cut');
    }),
    { numRuns: 1000 },
  ));

test('what is no head', () => {
  const bad = [
    'HTTP/2 200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1  200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1 200 OK\nx: y',
    'HTTP/1.1 200 OK\r\n: y',
    'HTTP/1.1 200 OK\r\nx y: z',
    'HTTP/1.1 200 OK\r\nx: a\0b',
    'HTTP/1.1 200 OK\r\nx: a\nb: c',
    'HTTP/1.1 200 OK\r\nx: a\r\n\tb',
    'HTTP/1.1 200 OK\r\ncontent-length: -1',
    'HTTP/1.1 200 OK\r\ncontent-length: +1',
    'HTTP/1.1 200 OK\r\ncontent-length: 0x10',
    'HTTP/1.1 200 OK\r\ncontent-length: 1, 1',
    'HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked',
    'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked',
  ];
  for (const text of bad)
    assert.throws(() => readHead(text, new FieldReader()), MessageFormatError, JSON.stringify(text));
});

test('a head whose lines end with line feeds alone is refused at once: what ends a head would be waited for in vain', () => {
  for (const text of [
    'HTTP/1.1 200 OK\ncontent-length: 2\n\n{}',
    'HTTP/1.1 200 OK\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\n\n{}',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\n{}',
  ]) {
    for (const cuts of [[], Array.from(text, () => 1)])
      assert.throws(() => parse(Buffer.from(text), cuts), MessageFormatError, JSON.stringify(text));
  }
});

test('a header named as a property of every object is a header like any other', () => {
  const { headers } = readHead('HTTP/1.1 200 OK\r\nconstructor: a\r\nconstructor: b\r\nvalueof: c', new FieldReader());
  assert.deepEqual(headers, ['constructor', 'a', 'constructor', 'b', 'valueof', 'c']);
});

test('heads, size lines and trailers without an end are refused before they fill the memory', () => {
  const flood = Buffer.alloc(200_000, 'x');
  for (const start of [
    'HTTP/1.1 200 OK\r\nx: ',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ',
  ])
    assert.throws(
      () => parse(Buffer.concat([Buffer.from(start), flood]), [1000, 1000, 60_000, 60_000]),
      MessageFormatError,
    );
});
