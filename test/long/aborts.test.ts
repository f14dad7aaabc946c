// A thousand requests, aborted at random moments: no socket, no timer and no memory stays behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '../support/await.ts';
import { chat, startRig } from '../support/rig.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('1,000 requests with random aborts leave no socket, no timer and no memory behind', async () => {
  await using rig = await startRig({ script: { chunk_delay_ms: 1 } });
  const round = async (count: number): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const n = next++;
        const aborter = new AbortController();
        const timer = setTimeout(() => aborter.abort(), Math.random() * 30);
        try {
          const response = await rig.post(
            '/v1/chat/completions',
            chat(`gpt-mock-stream-${n % 20}`, { stream: n % 3 !== 0 }),
            {},
            aborter.signal,
          );
          await response.text();
        } catch {
          // Aborted, as it should be.
        }
        clearTimeout(timer);
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
  };
  const settled = async (): Promise<void> => {
    await eventually('no upstream request is open', () => rig.mock.journal().open_requests === 0);
    await eventually('no upstream socket is open', () => rig.mock.openSockets() === 0, 15_000);
  };
  const memory = (): number => {
    rig.mock.reset();
    collectGarbage();
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  await round(1000);
  await settled();
  const timersBefore = timers();
  // The client under test holds what it aborted for some seconds: wait until nothing more is let go.
  let least = memory();
  await eventually(
    'the heap has settled',
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const before = least;
      least = Math.min(least, memory());
      return before - least < 100_000;
    },
    30_000,
  );
  await round(1000);
  await settled();
  assert.ok(timers() <= timersBefore + 2, `${timersBefore} timers before, ${timers()} after`);
  // A leak of 1 kB a request would never be let go again.
  await eventually('the heap is what it was, within 1 MB', () => memory() < least + 1_000_000, 20_000);
});
