// Tests how transcripts become rows: cuts at any byte, streams with several parts, what no database takes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channels, HeardText } from '../core/heard-text.ts';
import { keepBytes, transcriptLimitBytes, type KeptAnswer } from '../core/transcript.ts';
import { transcriptRow } from './transcript-row.ts';

const base = { requestId: 'req_1', keyId: 'key_1', createdAtMs: 1.5, request: keepBytes(Buffer.from('{"a":1}')) };

function answerOf(answer: KeptAnswer | null): string | null {
  return transcriptRow({ ...base, answer }).answer_text;
}

function runsOf(...pieces: readonly (readonly [choice: number, channel: number, inside: string])[]): Uint8Array {
  const text = new HeardText(() => assert.fail('nothing is full'));
  for (const [choice, channel, inside] of pieces) {
    const bytes = Buffer.from(inside);
    text.add(choice, channel, bytes, 0, bytes.length);
  }
  return text.peek() ?? new Uint8Array();
}

test('a transcript without an answer has none, and whole milliseconds', () => {
  assert.deepEqual(transcriptRow({ ...base, answer: null }), {
    request_id: 'req_1',
    key_id: 'key_1',
    created_at_ms: 1,
    request_text: '{"a":1}',
    is_request_cut: false,
    answer_text: null,
    is_answer_cut: false,
  });
});

test('a text is cut at the limit, at no half character, and what no database takes is replaced', () => {
  const long = Buffer.from(`x${'ü'.repeat(transcriptLimitBytes)}`);
  const { request_text: text, is_request_cut: isCut } = transcriptRow({
    ...base,
    request: keepBytes(long),
    answer: null,
  });
  assert.equal(isCut, true);
  assert.equal(text, `x${'ü'.repeat(transcriptLimitBytes / 2 - 1)}`);
  const exact = keepBytes(Buffer.from('y'.repeat(transcriptLimitBytes)));
  assert.equal(transcriptRow({ ...base, request: exact, answer: null }).is_request_cut, false);
  assert.equal(answerOf({ form: 'body', isCut: false, bytes: Buffer.from('a\0b') }), 'a\uFFFDb');
});

test('what a stream said is its text alone, or each part under its heading', () => {
  const cases: [bytes: Uint8Array, text: string][] = [
    [runsOf(), ''],
    [runsOf([0, channels.content, 'Grüße, '], [0, channels.content, String.raw`\"Welt\"\n`]), 'Grüße, "Welt"\n'],
    [
      runsOf([0, channels.content, 'a'], [1, channels.content, 'b'], [0, channels.content, 'c']),
      '[choice 0, content]\nac\n\n[choice 1, content]\nb',
    ],
    [
      runsOf([0, channels.toolCalls, 'search'], [0, channels.toolCalls + 1, String.raw`{\"q\":1}`]),
      '[choice 0, tool call 0, name]\nsearch\n\n[choice 0, tool call 0, arguments]\n{"q":1}',
    ],
    [runsOf([0, channels.refusal, 'no']), '[choice 0, refusal]\nno'],
    [runsOf([0, channels.reasoning, 'hm']), '[choice 0, reasoning]\nhm'],
    [runsOf([0, channels.content, String.raw`a\u0000b\ud83d`]), 'a\uFFFDb\uFFFD'],
  ];
  for (const [bytes, text] of cases) assert.equal(answerOf({ form: 'runs', isCut: false, bytes }), text);
});

test('a stream cut at any byte gives the whole characters before the cut', () => {
  const inside = String.raw`ü\\\"\u00fc\\u12\n€x`;
  const whole = JSON.parse(`"${inside}"`) as string;
  const runs = runsOf([0, channels.content, inside]);
  for (let length = 4; length <= runs.length; length += 1) {
    const text = answerOf({ form: 'runs', isCut: true, bytes: runs.subarray(0, length) }) ?? '';
    assert.ok(whole.startsWith(text), `${length}: ${text}`);
    assert.ok(text.length >= Math.floor((length - 4) / 6), `${length}: ${text}`);
  }
});
