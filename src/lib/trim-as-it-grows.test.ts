// Tests when a process that grows is trimmed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { trimAsItGrows } from './trim-as-it-grows.ts';

const mebibyte = 1 << 20;

/** MiB found at each look, of which a trim leaves so many; the answer says at which looks was trimmed. */
async function play(found: readonly (number | undefined)[], left: number): Promise<number[]> {
  const clock = new FakeClock();
  let held: number | undefined = 100;
  const trimmed: number[] = [];
  const stop = trimAsItGrows({
    clock,
    residentBytes: () => (held === undefined ? undefined : held * mebibyte),
    trim() {
      trimmed.push(clock.nowMs());
      held = Math.min(held ?? left, left);
    },
  });
  const startedAtMs = clock.nowMs();
  for (const now of found) {
    held = now;
    await clock.advance(250);
  }
  stop();
  held = 1000;
  await clock.advance(10_000);
  return trimmed.map((at) => (at - startedAtMs) / 250);
}

test('a process is trimmed when it has grown since the last time', async () => {
  const cases: readonly (readonly [
    name: string,
    found: readonly (number | undefined)[],
    left: number,
    trimmed: readonly number[],
  ])[] = [
    ['it rests', [100, 100, 107], 90, []],
    ['it grows', [110, 120, 130], 105, [1, 2, 3]],
    ['it has grown, and stays', [150, 150, 150], 150, [1]],
    ['a trim gives back what comes again', [150, 147, 148, 143], 140, [1, 3]],
    ['it grows slowly', [102, 104, 106, 108, 109], 101, [4, 5]],
    ['nobody says for a while', [undefined, 105, undefined, 109], 90, [4]],
    ['it has shrunk, and grows again', [80, 80, 88, 88], 88, [3]],
  ];
  for (const [name, found, left, trimmed] of cases) assert.deepEqual(await play(found, left), trimmed, name);
});
