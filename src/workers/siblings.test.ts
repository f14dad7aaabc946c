// A worker's place beside the others: it ends when it is told to, however early that is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { Seat } from './siblings.ts';

test('a worker that is told to end before it has its place does not wait until all serve', async () => {
  let hear = (_message: ToWorker): void => {};
  const said: FromWorker['kind'][] = [];
  let stops = 0;
  const channel = {
    tell: ({ kind }: FromWorker) => void said.push(kind),
    listen: (listener: { heard(message: ToWorker): void }) => void (hear = (message) => listener.heard(message)),
    close() {},
  };
  const taken = Seat.take(channel, new FakeClock(), () => (stops += 1));
  hear({ kind: 'stop' });
  hear({ kind: 'begin', number: 1, count: 2, port: 8080 });
  const seat = await taken;
  await seat.ready('http://127.0.0.1:8080');
  assert.equal(stops, 1);
  assert.deepEqual(said, ['hello', 'ready']);
});
