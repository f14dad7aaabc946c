// A worker's channel to a supervisor that is gone: what is said into it before that is noticed ends no worker.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { eventually } from '../support/await.ts';
import { programEnvironment } from '../support/program.ts';

const siblings = new URL('../../src/workers/siblings.ts', import.meta.url).href;

/** Is kept from its event loop until its supervisor is gone, and speaks before it can have heard of that. */
const worker = `
  import { readSync } from 'node:fs';
  import { openChannel } from '${siblings}';
  const channel = openChannel();
  channel.listen({ heard() {}, lost() {} });
  process.stdout.write('up');
  readSync(0, Buffer.alloc(1));
  for (let n = 0; n < 3; n += 1) channel.tell({ kind: 'hello' });
  setImmediate(() => setImmediate(() => process.exit(7)));
`;

test('a word to a supervisor that was killed just now', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', worker], {
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    env: programEnvironment(),
  });
  let output = '';
  let errors = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await eventually('the worker is up', () => output === 'up');
  const isGone = new Promise((resolve) => child.once('disconnect', resolve));
  child.disconnect();
  await isGone;
  // Its end of the channel is closed with this turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  child.stdin?.end('\n');
  assert.equal(await ended, 7, errors);
});
