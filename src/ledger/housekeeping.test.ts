// Housekeeping: not at once, bite after bite while there is more, and its own trouble is told once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { Housekeeping } from './housekeeping.ts';

test('it begins ten seconds after the start, goes on while more is due, and then looks again every five', async () => {
  const clock = new FakeClock();
  let opened = 0;
  let left = 0;
  let steps = 0;
  const keeping = new Housekeeping({
    clock,
    onTrouble: () => assert.fail(),
    open: async () => {
      opened += 1;
      return {
        step: async () => {
          steps += 1;
          left -= 1;
          return left > 0;
        },
        close: async () => {
          opened -= 1;
        },
      };
    },
  });
  await clock.advance(9_999);
  assert.deepEqual([await keeping.step(), opened, steps], [false, 0, 0]);
  await clock.advance(1);
  left = 3;
  assert.deepEqual([await keeping.step(), await keeping.step(), await keeping.step()], [true, true, false]);
  assert.deepEqual([await keeping.step(), steps, opened], [false, 3, 1]);
  await clock.advance(5000);
  assert.deepEqual([await keeping.step(), steps], [false, 4]);
  await keeping.close();
  assert.equal(opened, 0);
});

test('trouble is told once, tried again after a minute, and so is its end', async () => {
  const clock = new FakeClock();
  const told: (string | null)[] = [];
  let isBroken = true;
  let tries = 0;
  const keeping = new Housekeeping({
    clock,
    onTrouble: (message) => told.push(message),
    open: async () => {
      tries += 1;
      if (isBroken) throw new Error('no database');
      return { step: async () => false, close: async () => {} };
    },
  });
  for (let n = 0; n < 5; n += 1) {
    await clock.advance(30_000);
    assert.equal(await keeping.step(), false);
  }
  assert.deepEqual([told, tries], [['no database'], 3]);
  isBroken = false;
  await clock.advance(60_000);
  await keeping.step();
  assert.deepEqual(told, ['no database', null]);
  await keeping.close();
});
