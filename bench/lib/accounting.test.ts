// What a process has used, its children included.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { openAccounting, ticksOf } from './accounting.ts';

test('a line of /proc/PID/stat: own time and that of children that have ended, whatever the program is called', () => {
  const line = '42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 100 20 3 400 20 0 11 0 99 1 1';
  assert.equal(ticksOf(line), 523);
  assert.equal(ticksOf(undefined), 0);
});

test('children are counted', { skip: process.platform !== 'linux' }, async () => {
  const parent = spawn('sh', ['-c', `"${process.execPath}" -e "console.log(1); setTimeout(() => {}, 60000)"; true`]);
  // Awaited last, but listened for from the start: it may end before the one that ends it has.
  const gone = once(parent, 'close');
  try {
    await once(parent.stdout, 'data');
    // A shell has a few MiB; Node.js has more than 20.
    assert.ok(openAccounting().residentBytes([parent.pid ?? 0]) > 20 * 2 ** 20);
    assert.ok(openAccounting().cpuMs([parent.pid ?? 0]) > 0);
  } finally {
    const children = spawn('pkill', ['-P', String(parent.pid)]);
    await once(children, 'close');
    await gone;
  }
});
