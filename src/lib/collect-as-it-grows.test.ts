// Tests when a busy thread's old objects are collected.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { collectAsItGrows, oldObjectsOfThread } from './collect-as-it-grows.ts';

const mebibyte = 1 << 20;
const lookEveryMs = 5000;

/** Plays growth in MiB from look to look, and what a collection leaves; the answer says at which looks was collected. */
async function play(startMebibytes: number, grown: readonly number[], leaves: number): Promise<number[]> {
  const clock = new FakeClock();
  let mebibytes = startMebibytes;
  let at = 0;
  const collected: number[] = [];
  const stop = collectAsItGrows({
    clock,
    oldBytes: () => mebibytes * mebibyte,
    collect() {
      collected.push(at);
      mebibytes = leaves;
    },
  });
  for (const more of grown) {
    mebibytes += more;
    await clock.advance(lookEveryMs);
    at += 1;
  }
  stop();
  mebibytes += 100;
  await clock.advance(60_000);
  return collected;
}

test('it collects by growth, not by time', async () => {
  const cases: readonly (readonly [string, start: number, grown: readonly number[], leaves: number, number[]])[] = [
    ['nothing grows', 5, [0, 0, 0, 0], 5, []],
    ['a little each time', 5, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 5, [3, 7]],
    ['what grows is needed', 5, [2, 0, 0, 2, 0], 7, [0, 3]],
    ['a large heap may grow by a tenth', 40, [2, 1, 2, 3, 2, 1], 40, [2, 4]],
    ['V8 has collected meanwhile', 5, [1.5, -1.5, 1.5, -2, 2], 5, [4]],
  ];
  for (const [name, start, grown, leaves, collected] of cases)
    assert.deepEqual(await play(start, grown, leaves), collected, name);
});

test('the old objects of a thread are counted and collected, its young ones are not counted', () => {
  const { oldBytes, collect } = oldObjectsOfThread;
  collect();
  const before = oldBytes();
  const held = { list: Array.from({ length: 1 << 20 }, (_, i) => i + 0.5) };
  collect();
  assert.ok(oldBytes() > before + 7 * mebibyte);
  held.list = [];
  collect();
  assert.ok(oldBytes() < before + mebibyte);
});
