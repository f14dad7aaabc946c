// Holds the clock that remembers its second to what the runtime says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IsoClock } from './iso-times.ts';

test('every time is told as the runtime tells it, in whichever order they come', () => {
  const clock = new IsoClock();
  const times = fc.double({ min: 0, max: Date.UTC(9999, 11, 31), noNaN: true });
  const near = fc.tuple(times, fc.array(fc.double({ min: 0, max: 2500, noNaN: true }), { minLength: 1 }));
  fc.assert(
    fc.property(near, ([base, steps]) => {
      for (const step of steps) assert.equal(clock.at(base + step), new Date(base + step).toISOString());
    }),
  );
});
