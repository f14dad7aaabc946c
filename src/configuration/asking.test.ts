// When the database is asked for changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { keepAsking } from './asking.ts';

function setUp(isAnswered = true) {
  const clock = new FakeClock();
  const hearers = new Set<() => void>();
  let asked = 0;
  let answer = (): void => {};
  const onChange = (hear: () => void): (() => void) => {
    hearers.add(hear);
    return () => hearers.delete(hear);
  };
  const stop = keepAsking({ pollEveryMs: 1000, onChange }, clock, () => {
    asked += 1;
    return new Promise((resolve) => (answer = () => resolve(isAnswered)));
  });
  return {
    clock,
    stop,
    asked: () => asked,
    tell: () => hearers.forEach((hear) => hear()),
    /** The database answers, and what follows from it has happened. */
    answer: async (): Promise<void> => {
      answer();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('it asks after the wait, and waits again from the answer on', async () => {
  const { clock, asked, answer, stop } = setUp();
  await clock.advance(999);
  assert.equal(asked(), 0);
  await clock.advance(1);
  assert.equal(asked(), 1);
  await clock.advance(5000);
  assert.equal(asked(), 1, 'one question at a time');
  await answer();
  await clock.advance(1000);
  assert.equal(asked(), 2);
  stop();
  await answer();
  await clock.advance(5000);
  assert.equal(asked(), 2, 'it has ended');
});

test('told of a change it asks at once, and once more where it was told while it asked', async () => {
  const { clock, asked, tell, answer } = setUp();
  tell();
  assert.equal(asked(), 1);
  tell();
  tell();
  assert.equal(asked(), 1);
  await answer();
  await clock.advance(0);
  assert.equal(asked(), 2);
  await answer();
  await clock.advance(999);
  assert.equal(asked(), 2);
  await clock.advance(1);
  assert.equal(asked(), 3);
});

test('a database that does not answer is not asked faster for being told', async () => {
  const { clock, asked, tell, answer } = setUp(false);
  tell();
  tell();
  await answer();
  await clock.advance(999);
  assert.equal(asked(), 1);
});
