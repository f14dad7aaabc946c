// Who takes the log may have no room for it: the gateway serves on and ends as it should.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/await.ts';
import { programEnvironment } from '../support/program.ts';
import { freePort } from '../support/redis.ts';

const launcher = fileURLToPath(new URL('../../bin/aigateway.js', import.meta.url));

/** Linux has a file that is a full disk to whoever writes to it. */
const fullDisk = '/dev/full';

test('a log on a full disk ends no gateway', { skip: !existsSync(fullDisk) }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-log-readers-'));
  const output = openSync(fullDisk, 'w');
  let said = '';
  let port = 0;
  const start = async (): Promise<ChildProcess> => {
    port = await freePort();
    const started = spawn(process.execPath, [launcher, 'serve', '--port', String(port), '--data-dir', folder], {
      stdio: ['ignore', output, 'pipe'],
      env: programEnvironment(),
    });
    started.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    return started;
  };
  let child = await start();
  try {
    const status = (path: string): Promise<number> =>
      fetch(`http://127.0.0.1:${port}${path}`).then(
        (response) => response.status,
        () => 0,
      );
    const listens = async (): Promise<boolean> => {
      // Somebody else may have been faster to take the port.
      if (said.includes('in use by another program')) {
        said = '';
        child = await start();
      }
      return (await status('/health')) === 200;
    };
    await eventually('it listens', listens, 20_000);
    const exit = once(child, 'exit');
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
