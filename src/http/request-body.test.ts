// Tests how a body is taken in: what is counted of it, when its client is told to wait, and that it is given up where it must be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoppedError, type StopReason } from '../core/exchange.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { RequestBody, type BodyWish } from './request-body.ts';

/** A body of so many announced bytes, and what is heard of it. */
function bodyOf(announcedBytes: number | undefined, mostBytes = 1 << 20) {
  const heard: string[] = [];
  const note = (what: string) => (): void => void heard.push(what);
  const cancellation = new Cancellation<StopReason>();
  let refuse = (_error: Error): void => assert.fail('nothing is read');
  const wish: BodyWish = {
    cancellation,
    checkSize(bytes) {
      if (bytes > mostBytes) throw new RangeError(`${bytes} bytes`);
    },
    room: {
      begin: (announced, onRefused) => {
        heard.push(`begin ${announced}`);
        refuse = onRefused;
      },
      add: (bytes) => void heard.push(`add ${bytes}`),
      end: note('end'),
    },
  };
  const source = { pause: note('pause'), resume: note('resume'), invite: note('invite') };
  const body = new RequestBody(announcedBytes, source);
  return { body, heard, wish, cancellation, refuse: (error: Error) => refuse(error) };
}

const piece = (bytes: number): Buffer => Buffer.alloc(bytes, 'x');

test('one that is there is handed over at once, and counted', async () => {
  const { body, heard, wish } = bodyOf(10);
  body.add(piece(10));
  body.end();
  const read = body.read(wish);
  assert.ok(!(read instanceof Promise) && read.length === 10);
  assert.deepEqual(heard, ['resume', 'begin 10', 'add 10', 'end']);
});

test('one that is still coming is asked for, counted piece by piece, and put together', async () => {
  const { body, heard, wish } = bodyOf(undefined);
  body.add(piece(40_000));
  assert.deepEqual(heard, ['pause'], 'much of it before anybody wants it');
  const read = body.read(wish);
  body.add(piece(5));
  body.end();
  assert.equal((await read).length, 40_005);
  assert.deepEqual(heard.slice(1), ['begin undefined', 'add 40000', 'invite', 'resume', 'add 5', 'resume', 'end']);
});

test('one that is too large is refused by what it says, and else as soon as it is', async () => {
  const announced = bodyOf(11, 10);
  assert.throws(() => announced.body.read(announced.wish), RangeError);
  assert.deepEqual(announced.heard, [], 'before anything is taken for it');
  const whole = bodyOf(undefined, 10);
  whole.body.add(piece(11));
  whole.body.end();
  assert.throws(() => whole.body.read(whole.wish), RangeError);
  const coming = bodyOf(undefined, 10);
  const read = assert.rejects(Promise.resolve(coming.body.read(coming.wish)), RangeError);
  coming.body.add(piece(6));
  coming.body.add(piece(6));
  await read;
  assert.deepEqual(coming.heard.slice(-2), ['add 6', 'pause']);
});

test('one whose place is taken back, or whose request is stopped, is given up', async () => {
  const refused = bodyOf(20);
  const first = assert.rejects(Promise.resolve(refused.body.read(refused.wish)), /no room/u);
  refused.refuse(new Error('no room'));
  await first;
  const stopped = bodyOf(20);
  const second = assert.rejects(Promise.resolve(stopped.body.read(stopped.wish)), StoppedError);
  stopped.body.add(piece(6));
  stopped.cancellation.cancel('client_gone');
  await second;
  assert.equal(stopped.heard.at(-1), 'pause');
  stopped.body.discard();
  stopped.body.add(piece(40_000));
  assert.equal(stopped.heard.at(-1), 'resume', 'what nobody wants is not waited with');
});
