// The event splitter: every byte in exactly one event, wherever the stream was cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventSplitter, EventTooLargeError, eventData } from './sse.ts';

function split(chunks: readonly Uint8Array[]): { events: string[]; rest: string; bytes: string } {
  const splitter = new EventSplitter(1 << 20);
  const events: string[] = [];
  for (const chunk of chunks) splitter.push(chunk, (event) => events.push(Buffer.from(event).toString('latin1')));
  const rest = Buffer.from(splitter.flush() ?? []).toString('latin1');
  return { events, rest, bytes: events.join('') + rest };
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

const cases: { name: string; stream: string; events: string[]; rest?: string }[] = [
  { name: 'LF', stream: 'data: a\n\ndata: b\n\n', events: ['data: a\n\n', 'data: b\n\n'] },
  { name: 'CRLF', stream: 'data: a\r\n\r\ndata: b\r\n\r\n', events: ['data: a\r\n\r\n', 'data: b\r\n\r\n'] },
  { name: 'CR', stream: 'data: a\r\rdata: b\r\r', events: ['data: a\r\r', 'data: b\r\r'] },
  { name: 'mixed', stream: 'data: a\r\n\ndata: b\n\r\n', events: ['data: a\r\n\n', 'data: b\n\r\n'] },
  { name: 'CRLF, two lines', stream: 'data: a\r\ndata: b\r\n\r\n', events: ['data: a\r\ndata: b\r\n\r\n'] },
  { name: 'comment', stream: ': ping\n\ndata: a\n\n', events: [': ping\n\n', 'data: a\n\n'] },
  { name: 'no last blank line', stream: 'data: a\n\ndata: [DONE]', events: ['data: a\n\n'], rest: 'data: [DONE]' },
  { name: 'extra blank lines', stream: 'data: a\n\n\n\n', events: ['data: a\n\n', '\n', '\n'] },
];

for (const { name, stream, events, rest } of cases) {
  test(`splits ${name} streams`, () => {
    assert.deepEqual(split([latin1(stream)]), { events, rest: rest ?? '', bytes: stream });
  });
}

test('a stream cut at any two places gives the same bytes and the same data', () => {
  const data = (events: readonly string[]): string[] =>
    events.map((event) => eventData(latin1(event))).flatMap((found) => (found ? [Buffer.from(found).toString()] : []));
  for (const { stream } of cases) {
    const whole = split([latin1(stream)]);
    for (let i = 0; i <= stream.length; i += 1) {
      for (let j = i; j <= stream.length; j += 1) {
        const cut = split([latin1(stream.slice(0, i)), latin1(stream.slice(i, j)), latin1(stream.slice(j))]);
        assert.equal(cut.bytes, stream);
        assert.deepEqual(data(cut.events), data(whole.events), `${JSON.stringify(stream)} at ${i}, ${j}`);
      }
    }
  }
});

test('the late LF of a cut CRLF is a part of no other event', () => {
  assert.deepEqual(split([latin1('data: a\r\n\r'), latin1('\ndata: b\n\n')]).events, [
    'data: a\r\n\r',
    '\n',
    'data: b\n\n',
  ]);
});

test('any bytes in any cuts come out as they went in', () => {
  const piece = fc.constantFrom('data: x', 'data:', '\r', '\n', '\r\n', ': c', 'é', 'event: e');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.array(fc.nat(60)), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(''));
      const places = [...new Set(cuts.filter((cut) => cut < bytes.length))].sort((a, b) => a - b);
      const chunks = [0, ...places].map((from, n) => bytes.subarray(from, places[n] ?? bytes.length));
      assert.equal(split(chunks).bytes, bytes.toString('latin1'));
    }),
  );
});

test('an event over the limit is refused, not kept', () => {
  const splitter = new EventSplitter(10);
  assert.throws(() => splitter.push(latin1('data: 0123456789'), () => {}), EventTooLargeError);
});

test('data lines are read with or without a space, joined by line feeds', () => {
  const read = (event: string): string | undefined => {
    const data = eventData(latin1(event));
    return data && Buffer.from(data).toString('latin1');
  };
  assert.equal(read('data: a\n\n'), 'a');
  assert.equal(read('data:a\r\n\r\n'), 'a');
  assert.equal(read('data: a\ndata: b\n\n'), 'a\nb');
  assert.equal(read('event: x\ndata: {"a":1}\nid: 7\n\n'), '{"a":1}');
  assert.equal(read('data\n\n'), '');
  assert.equal(read(': data: a\n\n'), undefined);
  assert.equal(read('database: a\n\n'), undefined);
  assert.equal(read('\u00ef\u00bb\u00bfdata: a\n\n'), 'a');
});
