// Tests what is kept of a request: its beginning, the answer of the attempt that the client got, and nothing that was refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channels, HeardText } from '../core/heard-text.ts';
import { failureOf } from '../core/failure.ts';
import { transcriptLimitBytes } from '../core/transcript.ts';
import { requestRecord } from '../../test/support/records.ts';
import type { AttemptResult } from './attempt-parts.ts';
import { nothingHeard } from './reception.ts';
import { Transcriber } from './transcriber.ts';

const answered: AttemptResult = {
  kind: 'answered',
  outcome: 'ok',
  errorCode: null,
  failure: null,
  heard: nothingHeard,
};
const failed: AttemptResult = {
  kind: 'failed',
  failure: failureOf('connection_failed', 'gone'),
  answer: undefined,
  heard: nothingHeard,
};
const record = requestRecord('req_1', 1, { keyId: 'key_1' });

/** What the stream's text has been handed to, as the tally does. */
function heard(transcriber: Transcriber, ...pieces: readonly string[]): HeardText {
  const text = new HeardText((runs) => {
    transcriber.hear(runs);
    // The thread that counts them takes their memory.
    runs.fill(0);
  });
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    text.add(0, channels.content, bytes, 0, bytes.length);
  }
  return text;
}

test('the answer in one piece is kept, cut at the limit; vectors are not', () => {
  const transcriber = new Transcriber(Buffer.from('{}'));
  const body = Buffer.from('x'.repeat(transcriptLimitBytes + 1));
  transcriber.end({ ...answered, heard: { ...nothingHeard, body } }, heard(transcriber), false);
  assert.equal(transcriber.of(record)?.answer, null);
  transcriber.end({ ...answered, heard: { ...nothingHeard, body } }, heard(transcriber), true);
  const answer = transcriber.of(record)?.answer;
  assert.deepEqual([answer?.form, answer?.isCut, answer?.bytes.length], ['body', true, transcriptLimitBytes]);
});

test('of a stream the attempt that the client got is kept, and no more than the limit', () => {
  const transcriber = new Transcriber(Buffer.from('{}'));
  transcriber.begin();
  transcriber.end(failed, heard(transcriber, 'y'.repeat(40 << 10)), true);
  assert.equal(transcriber.of(record)?.answer, null);
  transcriber.begin();
  transcriber.end(answered, heard(transcriber, 'short'), true);
  const short = transcriber.of(record)?.answer;
  assert.deepEqual([short?.isCut, Buffer.from(short?.bytes ?? []).toString('latin1', 4)], [false, 'short']);
  transcriber.begin();
  transcriber.end(answered, heard(transcriber, ...Array.from({ length: 100 }, () => 'z'.repeat(1 << 10))), true);
  const long = transcriber.of(record)?.answer;
  assert.deepEqual([long?.isCut, long?.bytes.length], [true, transcriptLimitBytes]);
  assert.ok(long?.bytes.every((byte) => byte !== 0x79));
});

test('of a request that went to no upstream nothing is kept', () => {
  const transcriber = new Transcriber(Buffer.from('{}'));
  assert.equal(transcriber.of({ ...record, attempts: [] }), undefined);
  assert.equal(transcriber.of({ ...record, keyId: null }), undefined);
});
