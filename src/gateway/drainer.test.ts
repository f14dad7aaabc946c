// The places for answers that are read on: 32, a minute each, and none left behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { boundedDrainer, noDrainer } from './drainer.ts';

test('there are 32 places, and one that is given back is free again', () => {
  const clock = new FakeClock();
  const drainer = boundedDrainer(clock);
  const places = Array.from({ length: 32 }, () => drainer.take(() => assert.fail('nobody waited too long')));
  assert.equal(
    drainer.take(() => {}),
    undefined,
  );
  places[7]?.();
  assert.notEqual(
    drainer.take(() => {}),
    undefined,
  );
  for (const give of places) give?.();
  assert.equal(clock.waiting, 1, 'no timer of a place that was given back');
});

test('a place must be given up after a minute', async () => {
  const clock = new FakeClock();
  const drainer = boundedDrainer(clock);
  let ended = 0;
  const give = drainer.take(() => {
    ended += 1;
    give?.();
  });
  await clock.advance(59_999);
  assert.equal(ended, 0);
  await clock.advance(1);
  assert.equal(ended, 1);
});

test('closing ends every place, and there is none afterwards', () => {
  const drainer = boundedDrainer(new FakeClock());
  let ended = 0;
  const places = [1, 2, 3].map(() => drainer.take(() => (ended += 1)));
  places[0]?.();
  drainer.close();
  assert.equal(ended, 2);
  assert.equal(
    drainer.take(() => {}),
    undefined,
  );
});

test('without draining there is no place', () => {
  assert.equal(
    noDrainer.take(() => {}),
    undefined,
  );
  noDrainer.close();
});
