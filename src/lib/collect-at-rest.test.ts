// Tests when a thread's garbage is collected.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { FakeClock } from '../../test/support/clock.ts';
import { collectAtRest, thisThread } from './collect-at-rest.ts';

const mebibyte = 1 << 20;
/** Processor time in ms, and memory taken meanwhile. */
type Stretch = readonly [usedMs: number, takenMebibytes: number];

/** How long a stretch is while the thread is new, and then. */
const newMs = 250;
const oldMs = 5000;
const work: Stretch = [3000, 50];
const rest: Stretch = [2, 0];
const long: readonly Stretch[] = Array.from({ length: 8 }, () => rest);

/** Plays stretches, each ended by a look; the answer says at which of them was collected. */
async function play(stretches: readonly Stretch[]): Promise<number[]> {
  const clock = new FakeClock();
  let cpuMs = 400;
  let heldBytes = 20 * mebibyte;
  let at = 0;
  const collected: number[] = [];
  const stop = collectAtRest({
    clock,
    cpuMs: () => cpuMs,
    heldBytes: () => heldBytes,
    collect() {
      collected.push(at);
      cpuMs += 90;
      heldBytes = 15 * mebibyte;
    },
  });
  for (const [usedMs, taken] of stretches) {
    const lengthMs = cpuMs > 3000 ? oldMs : newMs;
    cpuMs += usedMs;
    heldBytes += taken * mebibyte;
    await clock.advance(lengthMs);
    at += 1;
  }
  stop();
  heldBytes += 100 * mebibyte;
  await clock.advance(60_000);
  return collected;
}

test('it collects in a rest where much is held', async () => {
  const cases: readonly (readonly [name: string, stretches: readonly Stretch[], collected: readonly number[]])[] = [
    ['the start leaves much behind', [rest, rest, rest, rest], [1]],
    ['a start that goes on', [[6, 1], rest, [6, 1], rest, [6, 1], rest, rest], [6]],
    ['what is new is set up', [rest, rest, [500, 40], rest, rest, rest], [1, 4]],
    [
      'timers are no work',
      [
        [5, 0],
        [5, 0],
        [5, 0],
      ],
      [1],
    ],
    ['it begins with work', [work, ...long], [8]],
    ['timers are no work later', [work, ...long.map(() => [60, 0] as const)], [8]],
    ['work that goes on', [work, ...long.slice(1), [61, 1], ...long.slice(1), [61, 1]], []],
    ['a long rest after work', [rest, rest, work, ...long, work, ...long], [1, 10, 19]],
    ['a shorter rest after work', [rest, rest, work, ...long.slice(1), work, ...long.slice(1)], [1]],
    ['little was left by little work', [rest, rest, [3000, 7], ...long], [1]],
  ];
  for (const [name, stretches, collected] of cases) assert.deepEqual(await play(stretches), collected, name);
});

test("a thread's garbage is collected, and nobody else gets at the collector", () => {
  const held = { list: Array.from({ length: 1 << 20 }, (_, i) => i + 0.5) };
  const before = process.memoryUsage().heapUsed;
  held.list = [];
  thisThread.collect();
  assert.ok(process.memoryUsage().heapUsed < before - 4 * mebibyte);
  assert.ok(thisThread.heldBytes() > mebibyte);
  assert.ok(thisThread.cpuMs() > 0);
  assert.equal((globalThis as { gc?: unknown }).gc, undefined);
});

test('threads that collect at the same moment do each other no harm', async () => {
  const source = `import { thisThread } from ${JSON.stringify(new URL('./collect-at-rest.ts', import.meta.url))};
    for (let n = 0; n < 25; n += 1) thisThread.collect();`;
  const threads = Array.from(
    { length: 4 },
    () => new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`)),
  );
  const codes = await Promise.all(threads.map(async (thread) => (await once(thread, 'exit'))[0] as unknown));
  assert.deepEqual(codes, [0, 0, 0, 0]);
});
