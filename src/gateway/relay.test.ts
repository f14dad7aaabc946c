// A stream cut at every byte: never passed off as whole before its finish reason has gone to the client.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HeardText } from '../core/heard-text.ts';
import { ChunkReader } from '../providers/openai/stream-reader.ts';
import { CommitGate } from './commit.ts';
import { StreamRelay, type StreamState } from './relay.ts';

function chunk(choices: string, usage = 'null'): string {
  return `data: {"id":"c","object":"chat.completion.chunk","choices":[${choices}],"usage":${usage},"obfuscation":"xY"}`;
}

const choice = (delta: string, finish: string): string => `{"index":0,"delta":${delta},"finish_reason":${finish}}`;

/** Role, two words, finish, usage, end mark. */
const events = [
  chunk(choice('{"role":"assistant","content":""}', 'null')),
  chunk(choice('{"content":"héllo"}', 'null')),
  chunk(choice('{"content":" world"}', 'null')),
  chunk(choice('{}', '"stop"')),
  chunk('', '{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'),
  'data: [DONE]',
];

/** A stream of one answer, of which the gateway has asked for the usage chunk. */
const usual = { choices: 1, isOnePrompt: true, dropsUsage: true, isBuffered: false, costOf: undefined } as const;

interface Relayed {
  readonly state: StreamState;
  readonly sent: string;
}

/** What the client gets of a stream that comes in these pieces, where the gateway has asked for the usage chunk. */
function relayWithoutUsage(pieces: readonly (string | Buffer)[], ends = false): Relayed {
  const sent: Buffer[] = [];
  const gate = new CommitGate({ start() {}, write: (bytes) => void sent.push(Buffer.from(bytes)) }, 1e6, () => true);
  const reader = new ChunkReader(new HeardText(() => {}));
  const relay = new StreamRelay({ ...usual, reader, gate });
  let state: StreamState = { kind: 'running' };
  for (const piece of pieces) state = relay.push(typeof piece === 'string' ? Buffer.from(piece) : piece);
  if (ends) state = relay.end();
  return { state, sent: Buffer.concat(sent).toString() };
}

function relayCut(stream: Buffer, at: number, isBuffered: boolean): Relayed {
  const sent: Buffer[] = [];
  const gate = new CommitGate(
    { start() {}, write: (bytes) => void sent.push(Buffer.from(bytes)) },
    1 << 20,
    () => true,
  );
  const relay = new StreamRelay({
    ...usual,
    reader: new ChunkReader(new HeardText(() => {})),
    gate,
    dropsUsage: false,
    isBuffered,
  });
  const state = relay.push(stream.subarray(0, at));
  return {
    state: state.kind === 'running' ? relay.end() : state,
    sent: Buffer.concat(sent).toString('utf8'),
  };
}

for (const [name, lineEnd] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
  suite(`lines end in ${name}`, () => {
    const stream = Buffer.from(events.map((event) => event + lineEnd + lineEnd).join(''));
    /** The finish event is there with its closing blank line, as far as a reader can tell. */
    const finishedAt = stream.indexOf(lineEnd + lineEnd, stream.indexOf('"stop"')) + 2 * lineEnd.length;
    // The LF of the blank line's own CRLF adds nothing.
    const firstWhole = name === 'CRLF' ? finishedAt - 1 : finishedAt;

    for (const isBuffered of [false, true]) {
      test(isBuffered ? 'buffered' : 'as it comes', () => {
        for (let at = 0; at <= stream.length; at += 1) {
          const { state, sent } = relayCut(stream, at, isBuffered);
          const isWhole = at >= firstWhole;
          assert.equal(state.kind, isWhole ? 'whole' : 'cut', `cut at ${at} of ${stream.length}`);
          assert.equal(sent.includes('"stop"'), isWhole, `finish reason, cut at ${at}`);
          assert.ok(stream.toString('utf8').startsWith(sent), `nothing changed, cut at ${at}`);
          if (isBuffered && !isWhole) assert.equal(sent, '', `nothing sent, cut at ${at}`);
        }
      });
    }
  });
}

test('only the chunk that is nothing but usage is left out', () => {
  const usage = '"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}';
  const kept = `data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],${usage}}\n\n`;
  const { state, sent } = relayWithoutUsage([`${kept}data: {"choices":[],${usage}}\n\ndata: [DONE]\n\n`]);
  assert.equal(state.kind, 'whole');
  assert.equal(sent, `${kept}data: [DONE]\n\n`);
});

const [, word = '', sameForm = '', finish = '', usage = '', end = ''] = events;

test('in whatever pieces a stream comes, the client gets the same of it', () => {
  for (const lineEnd of ['\n', '\r\n', '\r']) {
    const all = [word, sameForm, ': ping', sameForm, sameForm, finish, usage, end];
    const text = (some: readonly string[]): string => some.map((event) => event + lineEnd + lineEnd).join('');
    const stream = Buffer.from(text(all));
    const expected = text(all.filter((event) => event !== usage));
    for (let size = 1; size <= stream.length; size += 1) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size));
      const { state, sent } = relayWithoutUsage(pieces, true);
      assert.deepEqual([state.kind, sent], ['whole', expected], `pieces of ${size} with ${JSON.stringify(lineEnd)}`);
    }
  }
});

test('a line that came alone stays before the event that it opens, though that has the form of those before', () => {
  for (const line of [': here it is', 'event: word', 'id: 7']) {
    const begun = [`${word}\n\n`, `${line}\n`, `${sameForm}\n\n`, `${finish}\n\n`];
    const { state, sent } = relayWithoutUsage([...begun, `${usage}\n\n`, `${end}\n\n`]);
    assert.deepEqual([state.kind, sent], ['whole', `${begun.join('')}${end}\n\n`], line);
  }
});

test('with a usage chunk that ended with a CR goes the LF of its line end, and no line feed after that', () => {
  const begun = `${word}\n\n${sameForm}\n\n`;
  for (const [name, before, after] of [
    ['a second line feed', finish, '\n'],
    ['one behind an event', word, `${finish}\n\n\n`],
    ['one behind an event of the same form as those before', word, `${sameForm}\n\n\n${finish}\n\n`],
  ] as const) {
    const kept = `${begun}${before}\n\n`;
    const first = name === 'a second line feed' ? ['\n', after] : [after];
    const { state, sent } = relayWithoutUsage([`${kept}${usage}\r\r`, ...first, `${end}\n\n`]);
    assert.equal(state.kind, 'whole', name);
    assert.equal(sent, `${kept}${after}${end}\n\n`, name);
  }
});

test('behind the end mark nothing goes to the client, whatever the upstream says there', () => {
  const whole = `${word}\n\n${sameForm}\n\n${finish}\n\n${end}`;
  for (const lineEnd of ['\n', '\r\n', '\r'])
    for (const more of [sameForm, usage, ': ping', 'data: {"error":{"message":"x"}}']) {
      const mark = `${whole}${lineEnd}${lineEnd}`;
      for (const pieces of [[`${mark}${more}\n\n`], [mark, `${more}\n\n`]])
        assert.deepEqual(relayWithoutUsage(pieces), { state: { kind: 'whole' }, sent: mark }, JSON.stringify(pieces));
    }
});

test('what a stream has told so far is known after each of its events', () => {
  const gate = new CommitGate({ start() {}, write() {} }, 1e6, () => true);
  const reader = new ChunkReader(new HeardText(() => {}));
  const relay = new StreamRelay({ ...usual, reader, gate });
  const known = (): unknown => [relay.hasContent, relay.isUsageStale, relay.isFinished, relay.isComplete, gate.isOpen];
  assert.deepEqual(known(), [false, false, false, false, false]);
  const [role = ''] = events;
  const steps: readonly (readonly [event: string, known: readonly boolean[]])[] = [
    [role, [false, false, false, false, false]],
    [': ping', [false, false, false, false, false]],
    [usage, [false, false, false, false, false]],
    [word, [true, true, false, false, true]],
    [usage, [true, false, false, false, true]],
    [sameForm, [true, true, false, false, true]],
    [finish, [true, true, true, true, true]],
    [usage, [true, false, true, true, true]],
    [word, [true, true, true, false, true]],
    [usage, [true, false, true, true, true]],
  ];
  for (const [n, [event, expected]] of steps.entries()) {
    assert.equal(relay.push(Buffer.from(`${event}\n\n`)).kind, 'running');
    assert.deepEqual(known(), expected, `step ${n}`);
  }
  assert.equal(relay.report.rawUsage, '{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}');
});

test('what ends a stream before its time is told as what it is, and goes to nobody', () => {
  const error = { message: 'x', code: 'server_error' };
  const invalid = 'an event of the stream is not the JSON it should be';
  const endings: readonly (readonly [event: string, state: StreamState])[] = [
    [end, { kind: 'cut' }],
    [`data: {"error":${JSON.stringify(error)}}`, { kind: 'error', error }],
    ['data: {"choices":[', { kind: 'malformed', message: invalid }],
    ['data: hello', { kind: 'malformed', message: invalid }],
    ['data:', { kind: 'malformed', message: invalid }],
  ];
  for (const [event, state] of endings) {
    const relayed = relayWithoutUsage([`${word}\n\n`, `${event}\n\n${finish}\n\n${end}\n\n`], true);
    assert.deepEqual(relayed, { state, sent: `${word}\n\n` }, event);
  }
});

test('without usage a stream is complete when every answer that was asked for is, and one with several prompts never', () => {
  for (const [choices, isOnePrompt, expected] of [
    [1, true, true],
    [2, true, false],
    [1, false, false],
  ] as const) {
    const gate = new CommitGate({ start() {}, write() {} }, 1e6, () => true);
    const reader = new ChunkReader(new HeardText(() => {}));
    const relay = new StreamRelay({ ...usual, reader, choices, isOnePrompt, gate });
    relay.push(Buffer.from(`${word}\n\n`));
    assert.equal(relay.isComplete, false);
    relay.push(Buffer.from(`${finish}\n\n`));
    assert.equal(relay.isComplete, expected, `${choices} ${isOnePrompt}`);
    relay.push(Buffer.from(`${usage}\n\n`));
    assert.equal(relay.isComplete, true);
  }
});

test('what came in one read goes out in one write', () => {
  const writes: string[] = [];
  const gate = new CommitGate(
    { start() {}, write: (bytes) => void writes.push(Buffer.from(bytes).toString()) },
    1e6,
    () => true,
  );
  const reader = new ChunkReader(new HeardText(() => {}));
  const relay = new StreamRelay({ ...usual, reader, gate });
  const reads = [
    [events[0], word],
    [sameForm, ': ping', sameForm, finish],
  ].map((read) => read.map((event) => `${event}\n\n`).join(''));
  for (const read of reads) relay.push(Buffer.from(read));
  // The half of an event that came before is in other memory than its end.
  relay.push(Buffer.from(sameForm.slice(0, 20)));
  relay.push(Buffer.from(`${sameForm.slice(20)}\n\n${word}\n\n`));
  assert.deepEqual(writes, [...reads, `${sameForm}\n\n`, `${word}\n\n`]);
});

test('what is too large to be held ends the stream, and no other error is taken for that', () => {
  const relayWith = (limitBytes: number, write = (): void => {}): StreamRelay =>
    new StreamRelay({
      ...usual,
      reader: new ChunkReader(new HeardText(() => {})),
      gate: new CommitGate({ start() {}, write }, limitBytes, () => true),
      dropsUsage: false,
    });
  assert.deepEqual(relayWith(10).push(Buffer.from(`${events[0]}\n\n`)), {
    kind: 'malformed',
    message: 'more than 10 bytes held back',
  });
  const endless = relayWith(1e6);
  const piece = Buffer.alloc(1 << 20, 'x');
  for (let i = 0; i < 16; i += 1) assert.equal(endless.push(piece).kind, 'running');
  const message = 'an event is larger than 16777216 bytes';
  assert.deepEqual(endless.push(Buffer.from('x')), { kind: 'malformed', message });
  assert.deepEqual(endless.end(), { kind: 'malformed', message }, 'it stays so');
  const broken = relayWith(1e6, () => {
    throw new Error('the client has gone');
  });
  assert.throws(() => broken.push(Buffer.from(`${word}\n\n`)), /the client has gone/u);
});

test('the cost is put where usage is reported, if it was asked for, and nowhere else', () => {
  const sent: Buffer[] = [];
  const gate = new CommitGate({ start() {}, write: (bytes) => void sent.push(Buffer.from(bytes)) }, 1e6, () => true);
  const reader = new ChunkReader(new HeardText(() => {}));
  const costOf = (): string => '0.5';
  const relay = new StreamRelay({ ...usual, reader, gate, dropsUsage: false, costOf });
  const stream = [word, sameForm, finish, usage, end].map((event) => `${event}\n\n`);
  assert.equal(relay.push(Buffer.from(stream.join(''))).kind, 'whole');
  const expected = stream.map((event) => (event.startsWith(usage) ? event.replace(/\}\n\n$/u, costMember) : event));
  assert.equal(Buffer.concat(sent).toString(), expected.join(''));
});

const costMember = ',"aigateway":{"cost_usd":"0.5"}}\n\n';
