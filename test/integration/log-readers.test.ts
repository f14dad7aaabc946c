// Who takes the log may have no room for it: the gateway serves on and ends as it should.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/await.ts';
import { freePort } from '../support/redis.ts';

const launcher = fileURLToPath(new URL('../../bin/aigateway.js', import.meta.url));

/** Linux has a file that is a full disk to whoever writes to it. */
const fullDisk = '/dev/full';

test('a log on a full disk ends no gateway', { skip: !existsSync(fullDisk) }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-log-readers-'));
  const port = await freePort();
  const output = openSync(fullDisk, 'w');
  const child = spawn(process.execPath, [launcher, 'serve', '--port', String(port), '--data-dir', folder], {
    stdio: ['ignore', output, 'pipe'],
  });
  const exit = once(child, 'exit');
  try {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const status = (path: string): Promise<number> =>
      fetch(`http://127.0.0.1:${port}${path}`).then(
        (response) => response.status,
        () => 0,
      );
    await eventually('it listens', async () => (await status('/health')) === 200, 20_000);
    assert.equal(await status('/v1/models'), 200);
    await eventually('it says so', () => said.includes('the log cannot be written'), 20_000);
    assert.equal(await status('/health'), 200);
    child.kill('SIGTERM');
    // Who started it has not got its first line: no success.
    assert.deepEqual(await exit, [1, null]);
  } finally {
    child.kill('SIGKILL');
    closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
});
