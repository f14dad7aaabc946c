// A stream in whatever pieces it comes: the client gets the same bytes, and the same is known of its use.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeardText, readRuns } from '../core/heard-text.ts';
import { readReport } from '../core/usage.ts';
import { ChunkReader } from '../providers/openai/stream-reader.ts';
import { CommitGate } from './commit.ts';
import { StreamRelay, type StreamState } from './relay.ts';

/** What came of a stream. */
interface Relayed {
  readonly state: StreamState;
  readonly sent: Buffer;
  readonly isCommitted: boolean;
  readonly use: unknown;
  readonly texts: readonly string[];
}

interface Manner {
  readonly isBuffered: boolean;
  readonly dropsUsage: boolean;
  readonly tellsCost: boolean;
}

function relay(pieces: readonly Uint8Array[], { isBuffered, dropsUsage, tellsCost }: Manner): Relayed {
  const sent: Buffer[] = [];
  const gate = new CommitGate(
    { start() {}, write: (bytes) => void sent.push(Buffer.from(bytes)) },
    1 << 20,
    () => true,
  );
  const text = new HeardText(() => {});
  const costOf = tellsCost ? (): string => '0.5' : undefined;
  const relayed = new StreamRelay({
    reader: new ChunkReader(text),
    choices: 1,
    isOnePrompt: true,
    gate,
    dropsUsage,
    isBuffered,
    costOf,
  });
  let state: StreamState = { kind: 'running' };
  for (const piece of pieces) {
    if (state.kind !== 'running') break;
    // The next read overwrites the memory of this one.
    const read = Buffer.from(piece);
    state = relayed.push(read);
    read.fill('"');
  }
  if (state.kind === 'running') state = relayed.end();
  const runs = text.take();
  return {
    state,
    sent: Buffer.concat(sent),
    isCommitted: gate.isOpen,
    use: { ...readReport(relayed.report), isStale: relayed.isUsageStale },
    texts: runs === undefined ? [] : readRuns(runs),
  };
}

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const index = fc.nat(2);

const choice = fc
  .record({
    index,
    delta: fc.oneof(
      fc.record({ content: words }),
      fc.constant({ role: 'assistant', content: '' }),
      fc.record({ refusal: words }),
      fc.record({ reasoning_content: words }),
      fc.record({
        tool_calls: fc.array(fc.record({ index, function: fc.record({ name: words, arguments: words }) }), {
          maxLength: 2,
        }),
      }),
      fc.constant({}),
    ),
    finish_reason: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, fc.constantFrom('stop', 'length')),
  })
  .map((one) => JSON.stringify({ choices: [one], usage: null }));

const usage = fc
  .record({ prompt_tokens: fc.nat(1000), completion_tokens: fc.nat(1000) })
  .map((tokens) => ({ ...tokens, total_tokens: tokens.prompt_tokens + tokens.completion_tokens }));
const usageChunk = fc.record({ choices: fc.constant([]), usage, service_tier: fc.constantFrom('default', 'flex') });

/** The lines of an event, without their ends. */
const event = fc.oneof(
  { weight: 8, arbitrary: choice.map((json) => [`data: ${json}`]) },
  { weight: 1, arbitrary: choice.map((json) => ['id: 7', 'event: x', `data:${json}`]) },
  // Data in two lines is read with a line feed between them, and JSON may have one there.
  { weight: 1, arbitrary: choice.map((json) => ['data: {', `data: ${json.slice(1)}`]) },
  { weight: 1, arbitrary: usageChunk.map((chunk) => [`data: ${JSON.stringify(chunk)}`]) },
  { weight: 1, arbitrary: fc.constantFrom([': ping'], [''], ['data: {"error":{"message":"x"}}'], ['data: {"cut":']) },
);

const finish = ['data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'];
const ends = fc.constantFrom<string[][]>([], [finish], [finish, ['data: [DONE]']], [['data: [DONE]']]);

/** A stream, whole or broken off after any byte. */
const stream = fc
  .record({
    events: fc.array(event, { maxLength: 12 }),
    last: fc.option(usageChunk),
    end: ends,
    lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
    keptShare: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  })
  .map(({ events, last, end, lineEnd, keptShare }) => {
    const [close = [], ...rest] = end;
    const all = [...events, close, ...(last === null ? [] : [[`data: ${JSON.stringify(last)}`]]), ...rest];
    const bytes = Buffer.from(all.map((lines) => [...lines, '', ''].join(lineEnd)).join(''));
    return bytes.subarray(0, Math.round(bytes.length * keptShare));
  });

const manner = fc.record({ isBuffered: fc.boolean(), dropsUsage: fc.boolean(), tellsCost: fc.boolean() });

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const starts = [...new Set([0, ...places.map((place) => place % (bytes.length + 1))])].sort((a, b) => a - b);
  return starts.map((from, n) => bytes.subarray(from, starts[n + 1] ?? bytes.length));
}

test('wherever a stream is cut into pieces, the client and the ledger get the same of it', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 40 }), manner, (bytes, places, how) => {
      const whole = relay([bytes], how);
      assert.deepEqual(relay(cutAt(bytes, places), how), whole);
      const byteByByte = [...bytes].map((byte) => Buffer.of(byte));
      assert.deepEqual(relay(byteByByte, how), whole, 'byte by byte');
    }),
    { numRuns: 1000 },
  );
});

test('what is passed on is what came, but for a usage chunk that is left out and a cost that is put in', () => {
  fc.assert(
    fc.property(stream, fc.boolean(), (bytes, isBuffered) => {
      const { sent, state } = relay([bytes], { isBuffered, dropsUsage: false, tellsCost: false });
      assert.ok(bytes.subarray(0, sent.length).equals(sent));
      if (isBuffered && state.kind !== 'whole') assert.equal(sent.length, 0);
    }),
    { numRuns: 1000 },
  );
});
