// The log's way out: order and wholeness through partial writes, a reader that does not read, a disk that is full.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { LogOutput } from './log-output.ts';

/** A system that takes what it is told to, or fails. */
class System {
  readonly clock = new FakeClock();
  readonly troubles: string[] = [];
  readonly lost: number[] = [];
  text = '';
  failure: string | undefined;
  mostBytes = Infinity;
  /** It does not answer at all. */
  isMute = false;
  readonly output = new LogOutput({
    write: (bytes, done) => {
      if (this.isMute) return;
      const { failure } = this;
      const taken = Buffer.from(bytes.subarray(0, this.mostBytes)).toString('latin1');
      if (failure === undefined) this.text += taken;
      setImmediate(() =>
        failure === undefined
          ? done(null, taken.length)
          : done(Object.assign(new Error(failure), { code: failure }), 0),
      );
    },
    clock: this.clock,
    onTrouble: ({ message }) => this.troubles.push(message),
    onLost: (lines) => this.lost.push(lines),
  });

  async written(): Promise<string> {
    for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
    return this.text;
  }
}

test('what the system takes in parts arrives whole and in order', async () => {
  const system = new System();
  system.mostBytes = 3;
  system.output.write('first\nsecond\n');
  system.output.write('third\n');
  assert.equal(await system.written(), 'first\nsecond\nthird\n');
});

for (const [failure, troubles] of [
  ['EAGAIN', []],
  ['ENOSPC', ['ENOSPC']],
  ['EPIPE', ['EPIPE']],
  ['EIO', ['EIO']],
] as const) {
  test(`after ${failure} it goes on where it was as soon as that works again`, async () => {
    const system = new System();
    system.failure = failure;
    system.output.write('a\n');
    system.output.write('b\n');
    await system.clock.advance(1000);
    assert.equal(await system.written(), '');
    system.failure = undefined;
    await system.clock.advance(1000);
    assert.equal(await system.written(), 'a\nb\n');
    assert.deepEqual(system.troubles, troubles);
    assert.deepEqual(system.lost, []);
  });
}

test('who takes nothing fills no memory: what is too much is let go, and told of when there is room again', async () => {
  const system = new System();
  system.failure = 'EAGAIN';
  const line = `${'a'.repeat(1 << 20)}\n`;
  for (let n = 0; n < 20; n += 1) system.output.write(line);
  await system.written();
  system.failure = undefined;
  await system.clock.advance(1000);
  assert.equal((await system.written()).length, 8 * line.length);
  assert.deepEqual(system.lost, [12]);
});

test('the end waits for the last line, but not for who never takes it', async () => {
  const system = new System();
  system.mostBytes = 1;
  system.output.write('last\n');
  await system.output.end();
  assert.equal(system.text, 'last\n');
  const stuck = new System();
  stuck.isMute = true;
  stuck.output.write('last\n');
  await stuck.output.end();
  stuck.output.write('later\n');
  assert.equal(stuck.text, '');
});
