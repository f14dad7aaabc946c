// The end of a turn: what waits for it, and in which order it happens.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { TurnEnd, type Postponed } from './turn-end.ts';

test('what was put off happens in order at the end of the turn, once for each time', async () => {
  const turnEnd = new TurnEnd();
  const done: string[] = [];
  const work = (name: string, then = (): void => {}): Postponed => ({
    atTurnEnd() {
      done.push(name);
      then();
    },
  });
  const second = work('second');
  turnEnd.add(work('first', () => turnEnd.add(work('next turn'))));
  turnEnd.add(second);
  turnEnd.add(second);
  await Promise.resolve();
  assert.deepEqual(done, []);
  await turn();
  assert.deepEqual(done, ['first', 'second', 'second']);
  await turn();
  assert.deepEqual(done, ['first', 'second', 'second', 'next turn']);
});
