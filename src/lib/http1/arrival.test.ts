// When the bytes of a connection are looked at, and in which order.
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { LoopTurn } from '../loop-turn.ts';
import { Arrival, ArrivalRoom } from './arrival.ts';

const seen: string[] = [];
const arrivalOf = (name: string, turn: LoopTurn): Arrival =>
  new Arrival(turn, (bytes) => void seen.push(`${name} ${bytes.toString('latin1')}`));

test('one read of each connection waits for the others, and no byte passes another', async () => {
  const turn = new LoopTurn();
  const [a, b] = [arrivalOf('a', turn), arrivalOf('b', turn)];
  seen.length = 0;
  a.add(Buffer.from('1'));
  b.add(Buffer.from('1'));
  assert.deepEqual([seen.length, a.isEmpty], [0, false]);
  a.add(Buffer.from('2'));
  assert.deepEqual([seen.splice(0), a.isEmpty], [['a 1', 'a 2'], true]);
  a.add(Buffer.from('3'));
  await nextTurn();
  assert.deepEqual([seen.splice(0), a.isEmpty, b.isEmpty], [['a 3', 'b 1'], true, true]);
});

test('what is to be heard behind the bytes has them handed over, once', async () => {
  const turn = new LoopTurn();
  const arrival = arrivalOf('a', turn);
  seen.length = 0;
  arrival.flush();
  arrival.add(Buffer.from('1'));
  arrival.flush();
  assert.deepEqual(seen, ['a 1']);
  await nextTurn();
  assert.deepEqual(seen, ['a 1']);
});

test('reads in memory that is used again are copied, as long as there is room', async () => {
  const turn = new LoopTurn();
  const room = new ArrivalRoom();
  const taken: string[] = [];
  const arrivals = Array.from(
    { length: 12 },
    (_, n) =>
      new Arrival(turn, (bytes) => void taken.push(`${n}: ${bytes.length} ${bytes.toString('latin1', 0, 1)}`), room),
  );
  const shared = Buffer.alloc(32 << 10);
  for (let round = 0; round < 2; round += 1) {
    for (const [n, arrival] of arrivals.entries()) {
      shared.fill(0x61 + n);
      arrival.add(shared);
    }
    // Eight of 32 KiB find room, the others are heard at once.
    const texts = arrivals.map((_, n) => `${n}: 32768 ${String.fromCharCode(0x61 + n)}`);
    assert.deepEqual(taken.splice(0), texts.slice(8));
    await nextTurn();
    assert.deepEqual(taken.splice(0), texts.slice(0, 8));
  }
});
