// Tests of workers that cannot even begin.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareForks } from './fork.ts';

/** How a worker with these arguments ends. */
function endOf(args: readonly string[]): Promise<readonly unknown[]> {
  return new Promise((resolve) => {
    const worker = prepareForks(args)({ heard() {}, ended: (...end) => resolve(end) });
    worker.tell({ kind: 'stop' });
    worker.kill();
  });
}

test('a worker whose program is gone has ended, and it is said why', async () => {
  const { execPath } = process;
  // As where an upgrade has taken the program away.
  process.execPath = `${execPath}-that-is-gone`;
  try {
    const [code, signal, error] = await endOf([]);
    assert.deepEqual([code, signal], [null, null]);
    assert.match(String(error), /ENOENT/u);
  } finally {
    process.execPath = execPath;
  }
});

test('so has one that the system refuses to start', async () => {
  const [code, signal, error] = await endOf(['x'.repeat(1 << 22)]);
  assert.deepEqual([code, signal], [null, null]);
  assert.match(String(error), /E2BIG/u);
});
