// Tests that transcripts on their way are bounded, copied, tried again and in the end let go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transcript } from '../core/transcript.ts';
import { StorageError } from '../storage/storage.ts';
import { sizeOf, TranscriptOutbox } from './transcript-outbox.ts';
import { TranscriptWriter } from './transcript-writer.ts';

function transcript(id: string, bytes = 10): Transcript {
  const request = { bytes: new Uint8Array(1 << 20).subarray(0, bytes), isCut: false };
  return { requestId: id, keyId: 'key_1', createdAtMs: 0, request, answer: { ...request, form: 'body' } };
}

test('what is handed over is a copy of the texts alone, and 32 MiB at most are on their way', () => {
  const sent: Transcript[] = [];
  const outbox = new TranscriptOutbox((one) => sent.push(one));
  for (let i = 0; i < 300; i += 1) outbox.put(transcript(`r${i}`, 64 << 10));
  assert.equal(sent.length + outbox.lost, 300);
  assert.ok(sent.length > 200 && outbox.lost > 40, `${sent.length} sent, ${outbox.lost} lost`);
  assert.equal(sent[0]?.request.bytes.buffer.byteLength, 64 << 10);
  const [first] = sent;
  assert.ok(first);
  outbox.arrived(sizeOf(first), 1);
  const lost = outbox.lost;
  outbox.put(transcript('next', 64 << 10));
  assert.deepEqual([sent.at(-1)?.requestId, outbox.lost], ['next', lost]);
  outbox.put(transcript('too much', 64 << 10));
  assert.equal(outbox.lost, lost + 1);
  outbox.restart();
  outbox.put(transcript('after', 64 << 10));
  assert.equal(sent.at(-1)?.requestId, 'after');
});

test('a batch is tried five times, a second apart, then let go; the next one is not its victim', async () => {
  const written: string[] = [];
  let failures = 0;
  const writer = new TranscriptWriter({
    async keepTranscripts(rows) {
      if (rows.some((row) => row.request_id === 'bad')) {
        failures += 1;
        throw new StorageError('refused');
      }
      written.push(...rows.map((row) => row.request_id));
    },
  });
  assert.equal(await writer.step(0), undefined);
  writer.take(transcript('bad'));
  for (let i = 0; i < 60; i += 1) writer.take(transcript(`r${i}`));
  const outcomes: unknown[] = [];
  for (let nowMs = 0; nowMs <= 5000; nowMs += 500) outcomes.push((await writer.step(nowMs))?.lost);
  assert.equal(failures, 5);
  assert.deepEqual(
    outcomes.filter((lost) => lost !== undefined),
    [50, 0],
  );
  assert.equal(written.length, 11);
  assert.equal(writer.isEmpty, true);
});

test('it is tried again no sooner than after a second, and what one batch failed is not held against the next', async () => {
  const triedAtMs: number[] = [];
  let nowMs = 0;
  const writer = new TranscriptWriter({
    async keepTranscripts() {
      triedAtMs.push(nowMs);
      if (triedAtMs.length % 5 !== 0) throw new StorageError('away');
    },
  });
  const lost: number[] = [];
  for (const id of ['first', 'second']) {
    writer.take(transcript(id));
    for (; !writer.isEmpty; nowMs += 250) {
      const written = await writer.step(nowMs);
      if (written !== undefined) lost.push(written.lost);
    }
  }
  assert.deepEqual(lost, [0, 0]);
  assert.deepEqual(triedAtMs, [0, 1000, 2000, 3000, 4000, 4250, 5250, 6250, 7250, 8250]);
});
