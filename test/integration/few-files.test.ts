// A process that may open no more files: more clients than it has room for end it not, and when they are gone all is as before.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/await.ts';
import { runProgram } from '../support/program.ts';

const mostFiles = 100;
/** Longer than anything waits that looks at the process itself, its files or its database. */
const looksMs = 1200;

test('more connections than files may be open end no gateway', { skip: !existsSync('/proc/self/fd') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-few-files-'));
  await using program = runProgram(['serve', '--port', '0', '--data-dir', folder], {
    command: 'sh',
    commandArgs: ['-c', `ulimit -n ${mostFiles}; exec "$0" "$@"`, process.execPath],
  });
  const url = await program.url;
  const { hostname, port } = new URL(url);
  const files = (): number => readdirSync(`/proc/${program.process.pid}/fd`).length;
  const clients = Array.from({ length: mostFiles }, () => connect(Number(port), hostname).on('error', () => {}));
  await eventually('no file is left', () => files() >= mostFiles - 1, 20_000);
  await new Promise((resolve) => setTimeout(resolve, looksMs));
  for (const client of clients) client.destroy();
  await eventually('there is room again', () => files() < mostFiles - 10, 20_000);
  for (const path of ['/health', '/metrics', '/api/v1/usage', '/v1/models'])
    assert.equal((await fetch(url + path)).status, 200, path);
  program.process.kill('SIGTERM');
  assert.equal(await program.exit, 0, program.errors());
  rmSync(folder, { recursive: true, force: true });
});
