// The counting thread: comes when it is asked for, goes when it is not, and what it cannot count in time is guessed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FakeClock } from '../../test/support/clock.ts';
import { ThreadEstimator } from './estimator.ts';

const prompt = (text: string): Uint8Array => Buffer.from(JSON.stringify({ prompt: text }));
const words = prompt('hello big world');
const guess = Math.ceil(words.length / 4);

function open(): { clock: FakeClock; estimator: ThreadEstimator; troubles: string[] } {
  const clock = new FakeClock();
  const troubles: string[] = [];
  return { clock, troubles, estimator: new ThreadEstimator(clock, ({ message }) => troubles.push(message)) };
}

test('counts with either vocabulary, and ends its thread after a minute without work', async () => {
  const { clock, estimator, troubles } = open();
  assert.equal(estimator.isRunning, false);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), 3);
  assert.equal(await estimator.count('prompt', 'cl100k_base', prompt('漢字漢字')), 6);
  await clock.advance(59_000);
  assert.equal(estimator.isRunning, true);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), 3);
  await clock.advance(59_000);
  assert.equal(estimator.isRunning, true);
  await clock.advance(1001);
  assert.equal(estimator.isRunning, false);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), 3, 'it comes back');
  await estimator.close();
  assert.equal(clock.waiting, 0);
  assert.deepEqual(troubles, []);
});

test('what was handed over may be changed at once, and is not taken away', async () => {
  const { estimator } = open();
  const bytes = Buffer.from(words);
  const counted = estimator.count('prompt', 'o200k_base', bytes.subarray(0));
  bytes.fill(0);
  assert.equal(await counted, 3);
  assert.equal(bytes.length, words.length);
  await estimator.close();
});

test('a count that takes too long is guessed, with all that waits behind it, and the next one is counted again', async () => {
  const { clock, estimator, troubles } = open();
  const counts = [estimator.count('prompt', 'o200k_base', words), estimator.count('runs', 'o200k_base', words)];
  await clock.advance(5000);
  assert.deepEqual(await Promise.all(counts), [guess, guess]);
  assert.deepEqual(troubles, ['a count took longer than 5000 ms']);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), 3);
  await estimator.close();
});

test('more than 16 MiB do not wait to be counted', async () => {
  const { estimator } = open();
  const large = new Uint8Array(16 << 20);
  const first = estimator.count('prompt', 'o200k_base', large);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), guess);
  assert.equal(await first, 0);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), 3);
  await estimator.close();
});

test('closing waits for what is being counted, and guesses afterwards', async () => {
  const { estimator } = open();
  const counted = estimator.count('prompt', 'o200k_base', words);
  await estimator.close();
  assert.equal(await counted, 3);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), guess);
  assert.equal(estimator.isRunning, false);
});

test('closing waits two seconds and no longer', async () => {
  const { clock, estimator } = open();
  const counted = estimator.count('prompt', 'o200k_base', words);
  const closed = estimator.close();
  await clock.advance(2000);
  await closed;
  assert.equal(await counted, guess);
});

test('a count that fails is guessed, and harms no other', async () => {
  const { estimator, troubles } = open();
  const unknown = 'no_such' as 'o200k_base';
  assert.equal(await estimator.count('prompt', unknown, words), guess);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), 3);
  assert.deepEqual(troubles, []);
  await estimator.close();
});

test('where the system gives no thread counts are guessed, and the reason is told', async () => {
  const troubles: string[] = [];
  const refuse = (): never => {
    throw new Error('EAGAIN');
  };
  const estimator = new ThreadEstimator(new FakeClock(), ({ message }) => troubles.push(message), refuse);
  assert.equal(await estimator.count('prompt', 'o200k_base', words), guess);
  assert.deepEqual(troubles, ['EAGAIN']);
  await estimator.close();
});

const requestBytes = 32 << 10;

test('what has been counted is let go by the next collections of young objects', async () => {
  const { estimator } = open();
  setFlagsFromString('--expose-gc');
  const collectYoung = runInNewContext('globalThis.gc') as (options: { readonly type: 'minor' }) => void;
  setFlagsFromString('--no-expose-gc');
  const count = async (): Promise<void> => {
    // A part of a request that is kept as a whole for as long as the part is.
    const request = Buffer.allocUnsafeSlow(requestBytes).fill(0);
    await estimator.count('prompt', 'o200k_base', request.subarray(0, 4));
  };
  const countSome = async (): Promise<void> => void (await Promise.all(Array.from({ length: 6 }, count)));
  await countSome();
  // Whatever is kept for long is old by now.
  for (let n = 0; n < 3; n += 1) collectYoung({ type: 'minor' });
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 20; n += 1) {
    await countSome();
    collectYoung({ type: 'minor' });
  }
  const kept = (process.memoryUsage().arrayBuffers - before) / requestBytes;
  assert.ok(kept < 15, `${kept} of 120 requests are kept`);
  await estimator.close();
});
