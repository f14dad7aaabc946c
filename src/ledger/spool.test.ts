// The spool on a disk that works, one that is full, and one that is full in the middle of a line.
import assert from 'node:assert/strict';
import fs, { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { requestRecord } from '../../test/support/records.ts';
import type { RequestRecord } from '../core/record.ts';
import { readMark } from './lines.ts';
import { deleteSegmentsBefore, listSegments, segmentFile, SegmentReader } from './segments.ts';
import { reserveFile, Spool, SpoolFullError, usualLimits } from './spool.ts';

let folder = '';
let troubles: (string | undefined)[] = [];
const clock = new FakeClock();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aigateway-spool-'));
  troubles = [];
});
afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true });
});

function record(id: string): RequestRecord {
  return requestRecord(id, 0, { model: 'größe 🙂' });
}

function newSpool(limits = usualLimits): Spool {
  return new Spool(folder, clock, (error) => troubles.push((error as Error | undefined)?.message), limits);
}

/** A line that was torn, and another one behind it, are no JSON together. */
function isWhole(text: string): boolean {
  try {
    JSON.parse(text.slice(text.indexOf('\t') + 1));
    return true;
  } catch {
    return false;
  }
}

/** The marks and ids of all lines that can be read. */
function readAll(reader = new SegmentReader(folder, { segment: 0, offsetBytes: 0 })): string[] {
  const found: string[] = [];
  for (;;) {
    const lines = reader.read();
    if (lines.length === 0) return found;
    for (const { text } of lines) {
      const head = readMark(text);
      if (head !== undefined && isWhole(text)) found.push(`${head.mark} ${head.id}`);
    }
  }
}

/** The disk takes so many bytes more; with `giveWay`, the reserve's bytes come on top. */
function limitDisk(bytes: number): { left: number } {
  const disk = { left: bytes };
  const write = fs.writeSync;
  mock.method(fs, 'writeSync', (file: number, data: Uint8Array, offset = 0) => {
    const room = Math.min(disk.left, data.length - offset);
    if (room === 0) throw new Error('ENOSPC: no space left on device, write');
    disk.left -= room;
    return write(file, data, offset, room);
  });
  const remove = fs.rmSync;
  mock.method(fs, 'rmSync', (path: string, options: object) => {
    if (existsSync(path)) disk.left += fs.statSync(path).size;
    remove(path, options);
  });
  syncBuiltinESMExports();
  return disk;
}

/** Notes an intent as an attempt does whose bytes leave at once. */
function intendNow(spool: Spool, id: string): void {
  assert.ok(spool.holds(spool.intend(record(id))), id);
}

test('an intent is on disk when it is asked for, with all that came before and after it, and anything within 20 ms', async () => {
  const spool = newSpool();
  const write = mock.method(fs, 'writeSync');
  syncBuiltinESMExports();
  const a = spool.intend(record('a'));
  const b = spool.intend(record('b'));
  assert.deepEqual(readAll(), []);
  assert.ok(spool.holds(a));
  assert.deepEqual(readAll(), ['intent a', 'intent b']);
  assert.ok(spool.holds(b));
  assert.equal(write.mock.callCount(), 1);
  spool.settle(record('a'));
  assert.deepEqual(readAll(), ['intent a', 'intent b']);
  await clock.advance(20);
  assert.deepEqual(readAll(), ['intent a', 'intent b', 'over a']);
  spool.settle(record('b'));
  intendNow(spool, 'c');
  assert.deepEqual(readAll(), ['intent a', 'intent b', 'over a', 'over b', 'intent c']);
  spool.intend(record('d'));
  await clock.advance(20);
  assert.deepEqual(readAll().slice(-1), ['intent d']);
  spool.settle(record('c'));
  assert.equal(spool.close(), true);
  assert.deepEqual(readAll().slice(-1), ['over c']);
});

test('segments follow each other, and a reader that is at it finds every line once', () => {
  const spool = newSpool({ ...usualLimits, segmentBytes: 300 });
  const reader = new SegmentReader(folder, { segment: 0, offsetBytes: 0 });
  const seen: string[] = [];
  for (let i = 0; i < 50; i += 1) {
    intendNow(spool, `r${i}`);
    if (i % 7 === 0) seen.push(...readAll(reader));
  }
  seen.push(...readAll(reader));
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, i) => `intent r${i}`),
  );
  assert.ok(listSegments(folder).length > 5);
  assert.deepEqual(reader.position, spool.flush());
  spool.takenOver(reader.position);
  assert.equal(spool.waitingBytes, 0);
  deleteSegmentsBefore(folder, reader.position.segment);
  assert.deepEqual(listSegments(folder), [reader.position.segment]);
  intendNow(spool, 'next');
  assert.deepEqual(readAll(reader), ['intent next']);
  assert.ok(spool.waitingBytes > 0);
});

test('a torn line at the end of a dead segment is skipped, and one that is still being written is waited for', () => {
  writeFileSync(segmentFile(folder, 1), 'Ia\t{"id":"a"}\nOb\t{"id":');
  const reader = new SegmentReader(folder, { segment: 1, offsetBytes: 0 });
  assert.deepEqual(readAll(reader), ['intent a']);
  appendFileSync(segmentFile(folder, 1), '"b"}\nIc\t{');
  assert.deepEqual(readAll(reader), ['over b']);
  writeFileSync(segmentFile(folder, 2), 'Id\t{"id":"d"}\n');
  assert.deepEqual(readAll(reader), ['intent d']);
});

test('a line longer than the reading buffer is read as a whole', () => {
  writeFileSync(segmentFile(folder, 1), `Ia\t{"model":"${'x'.repeat(5 << 20)}"}\nIb\t{}\n`);
  assert.deepEqual(readAll(), ['intent a', 'intent b']);
});

test('when the disk is full the reserve makes room, is told of, and comes back', () => {
  writeFileSync(join(folder, reserveFile), Buffer.alloc(4096));
  const spool = newSpool();
  limitDisk(100);
  for (const id of ['a', 'b', 'c']) intendNow(spool, id);
  assert.deepEqual(readAll(), ['intent a', 'intent b', 'intent c']);
  assert.equal(spool.isInTrouble, true);
  assert.deepEqual(troubles, ['ENOSPC: no space left on device, write']);
  spool.reserveRestored();
  assert.equal(spool.isInTrouble, false);
  assert.equal(troubles.at(-1), undefined);
});

test('a disk that takes nothing refuses intents and keeps the ends in memory until it does', async () => {
  const spool = newSpool({ ...usualLimits, memoryCharacters: 400 });
  const disk = limitDisk(140);
  intendNow(spool, 'a');
  const [b, c] = [spool.intend(record('b')), spool.intend(record('c'))];
  assert.deepEqual([spool.holds(b), spool.holds(c)], [false, false]);
  assert.throws(() => spool.intend(record('d')), SpoolFullError);
  spool.settle(record('a'));
  for (let i = 0; i < 10; i += 1) spool.settle(record(`x${i}`));
  await clock.advance(1000);
  assert.deepEqual(readAll(), ['intent a']);
  assert.ok(spool.isInTrouble && spool.lostLines > 0, 'what the memory may not hold is counted as lost');
  disk.left = 1e6;
  spool.reserveRestored();
  await clock.advance(2000);
  const found = readAll();
  assert.equal(found.length + spool.lostLines, 14, 'each line is there or counted');
  assert.ok(found.includes('over a') && !found.includes('intent d'));
  intendNow(spool, 'e');
});

test('an intent is refused while more waits for the database than may', () => {
  const spool = newSpool({ ...usualLimits, totalBytes: 250 });
  for (let i = 0; i < 2; i += 1) intendNow(spool, `long-identifier-${i}`.padEnd(60, 'x'));
  assert.throws(() => spool.intend(record('c')), /spool is full/u);
  spool.takenOver(spool.flush());
  intendNow(spool, 'd');
  assert.equal(readFileSync(segmentFile(folder, 1), 'utf8').split('\n').length, 4);
});
