// Starts a program, times it until it says that it is ready, and ends it well.
import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { treeOf } from './accounting.ts';

const startLimitMs = 90_000;
const askEveryMs = 20;
/** How long a program may take to end when told to. */
const stopLimitMs = 10_000;
/** What a shell adds to every Node.js in it is no part of what is measured: certificates alone are 2 MiB. */
const ofTheShell = /^NODE_(?:EXTRA_CA_CERTS|OPTIONS|COMPILE_CACHE)$/u;

/** What to start, and how it tells that it is ready. */
export interface ProcessParts {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables of this process that the program does not inherit. */
  readonly withoutEnv: RegExp;
  /** Found in what it writes to its standard output; the first group is the answer. Or the address it will listen on. */
  readonly ready: RegExp | URL;
}

/** A program that runs and is ready. */
export interface RunningProcess {
  readonly pid: number;
  readonly readyMs: number;
  /** What the first group of `ready` has matched, or the address. */
  readonly readyText: string;
  readonly stop: () => Promise<void>;
}

/** Starts it; rejects where it ends, or takes longer than 90 s, before it is ready. */
export function startProcess({ command, args, env, withoutEnv, ready }: ProcessParts): Promise<RunningProcess> {
  const inherited = Object.entries(process.env).filter(([name]) => !withoutEnv.test(name) && !ofTheShell.test(name));
  const { promise, resolve, reject } = Promise.withResolvers<RunningProcess>();
  const startedAtMs = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
  });
  const ended = new Promise<void>((done) => child.once('close', () => done()));
  const kill = (): void => {
    isStopping = true;
    // What it has started would stay behind: nginx's worker outlives its master.
    for (const pid of treeOf(child.pid === undefined ? [] : [child.pid])) killOne(pid);
  };
  process.once('exit', kill);
  void ended.then(() => process.off('exit', kill));
  let errors = '';
  let isStopping = false;
  child.once('exit', (code, signal) => {
    // What is measured after this measures nothing: say why.
    if (!isStopping && child.pid !== undefined)
      process.stderr.write(`${command} ${args[0] ?? ''} ended by itself (${code ?? signal}): ${errors}\n`);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const onReady = (readyText: string): void => {
    const readyMs = performance.now() - startedAtMs;
    clearTimeout(timer);
    resolve({ pid: child.pid as number, readyMs, readyText, stop });
  };
  if (ready instanceof URL) {
    child.stdout.resume();
    void answering(ready, ended).then((isReady) => isReady && onReady(ready.origin));
  } else {
    let output = '';
    const listen = (bytes: Buffer): void => {
      output += bytes.toString('utf8');
      const readyText = ready.exec(output)?.[1];
      if (readyText === undefined) return;
      // From now on what it writes is only drained.
      child.stdout.off('data', listen).resume();
      onReady(readyText);
    };
    child.stdout.on('data', listen);
  }
  const stop = async (): Promise<void> => {
    isStopping = true;
    const limit = setTimeout(kill, stopLimitMs);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(limit);
  };
  const timer = setTimeout(() => {
    kill();
    reject(new Error(`${command} was not ready within ${startLimitMs} ms: ${errors}`));
  }, startLimitMs);
  child.once('error', reject);
  void ended.then(() => reject(new Error(`${command} ended before it was ready: ${errors}`)));
  return promise;
}

function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** A port that nobody listens on now, for a program that wants to be told one. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer().once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    server.close(() => resolve(port));
  });
  return promise;
}

/** Asks until there is an answer, whatever it says; false once the program has ended. */
async function answering(url: URL, ended: Promise<void>): Promise<boolean> {
  const over = new AbortController();
  void ended.then(() => over.abort());
  while (!over.signal.aborted) {
    try {
      await (await fetch(url)).arrayBuffer();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    }
  }
  return false;
}
