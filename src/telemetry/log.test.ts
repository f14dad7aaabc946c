// The log of one of several workers: whose line it is stands in it, and lines are written in pieces that stay whole.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/clock.ts';
import { openLog } from './log.ts';

/** What is written when these lines come in one turn. */
async function written(lines: readonly string[], worker: number | undefined): Promise<string[]> {
  const pieces: string[] = [];
  const log = openLog('info', 'json', { other: { write: (piece) => pieces.push(piece) }, worker });
  log.release();
  for (const line of lines) log.write(line);
  await log.flush();
  return pieces;
}

test('a gateway alone writes all lines of a turn together, as they are', async () => {
  assert.deepEqual(await written(['{"a":1}', '{"a":2}'], undefined), ['{"a":1}\n{"a":2}\n']);
});

test('a worker names itself in each line', async () => {
  assert.deepEqual(await written(['{"a":1}', '{"a":2}'], 3), ['{"worker":3,"a":1}\n{"worker":3,"a":2}\n']);
});

test('a worker writes whole lines, at most 4 KiB at once where a line is not longer itself', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'ü', '語', '🙂'), maxLength: 3000 });
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 40 }), async (texts) => {
      const lines = texts.map((a) => JSON.stringify({ a }));
      const pieces = await written(lines, 1);
      assert.equal(pieces.join(''), lines.map((line) => `{"worker":1,${line.slice(1)}\n`).join(''));
      for (const piece of pieces) {
        assert.ok(piece.endsWith('\n'));
        assert.ok(Buffer.byteLength(piece) <= 4096 || piece.indexOf('\n') === piece.length - 1);
      }
    }),
    { numRuns: 50 },
  );
});

test('lines of requests wait a moment for one another, other lines take them along at once, and many wait for no more', async () => {
  const clock = new FakeClock();
  const pieces: string[] = [];
  const log = openLog('info', 'json', { other: { write: (piece) => pieces.push(piece) }, clock });
  log.release();
  log.write('{"a":1}');
  await clock.advance(40);
  log.write('{"a":2}');
  assert.deepEqual(pieces, []);
  await clock.advance(10);
  assert.deepEqual(pieces.splice(0), ['{"a":1}\n{"a":2}\n']);
  log.write('{"a":3}');
  log.logger.warn('now');
  await new Promise(setImmediate);
  assert.match(pieces.splice(0).join('|'), /^\{"a":3\}\n\{"level":"warn".*\n$/u);
  const long = `{"a":"${'b'.repeat(5000)}"}`;
  log.write(long);
  log.write(long);
  await new Promise(setImmediate);
  assert.deepEqual(pieces.splice(0), [`${long}\n${long}\n`]);
  assert.equal(clock.waiting, 0);
  log.write('{"a":4}');
  await log.flush();
  assert.deepEqual(pieces, ['{"a":4}\n']);
});
