// A turn of the event loop: what waits for which stage of it, and in which order it is done.
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { LoopTurn, loopStages } from './loop-turn.ts';

test('what was put off is done in order, once for each time, and what it puts off itself in the next turn', async () => {
  const turn = new LoopTurn();
  const done: string[] = [];
  const second = (): void => void done.push('second');
  turn.add('answer', () => {
    done.push('first');
    turn.add('answer', () => done.push('next turn'));
  });
  turn.add('answer', second);
  turn.add('answer', second);
  await Promise.resolve();
  assert.deepEqual(done, []);
  await nextTurn();
  assert.deepEqual(done, ['first', 'second', 'second']);
  await nextTurn();
  assert.deepEqual(done, ['first', 'second', 'second', 'next turn']);
});

test('stages follow one another in the same turn, each with all that those before have led to', async () => {
  const turn = new LoopTurn();
  const done: string[] = [];
  const serve = async (name: string): Promise<void> => {
    done.push(`${name} begun`);
    // Several steps that wait for nothing but each other.
    await Promise.resolve();
    await Promise.resolve();
    done.push(`${name} served`);
    turn.add('answer', () => done.push(`${name} answered`));
    turn.add('ask', () => done.push(`${name} asked`));
  };
  for (const name of ['a', 'b']) {
    turn.add('read', () => {
      done.push(`${name} read`);
      turn.add('serve', () => void serve(name));
    });
  }
  await nextTurn();
  assert.deepEqual(
    done,
    ['read', 'begun', 'served', 'asked', 'answered'].flatMap((step) => ['a', 'b'].map((name) => `${name} ${step}`)),
  );
});

test('a stage that comes too late for its turn is done in the next', async () => {
  const turn = new LoopTurn();
  const done: string[] = [];
  turn.add(loopStages[3], () => {
    done.push('answer');
    turn.add(loopStages[0], () => done.push('read'));
  });
  await nextTurn();
  await nextTurn();
  assert.deepEqual(done, ['answer', 'read']);
});

test('each job has a time of its own from its beginning to its end, and nothing behind it has', async () => {
  const done: string[] = [];
  const time = { hold: () => void done.push('hold'), letGo: () => void done.push('let go') };
  const turn = new LoopTurn(time);
  turn.add('read', () => {
    done.push('first');
    void Promise.resolve().then(() => done.push('what it promised'));
  });
  turn.add('read', () => done.push('second'));
  await nextTurn();
  assert.deepEqual(done, ['hold', 'first', 'hold', 'second', 'let go', 'what it promised']);
});
