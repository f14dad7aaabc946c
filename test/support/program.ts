// The gateway as a user starts it: a process of its own, with its output, its exit code and its signals.
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../bin/aigateway.js', import.meta.url));

/** A key of an account as it must never be printed; masked it is `sk-…1234`. Every test of a program looks for it in the end. */
const wholeKey = /\bsk-(?!proj-\.\.\.)[\w-]{8,}/u;

/** A process of the command line. */
export interface Program {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly errors: () => string;
  /** Resolves with the exit code, or the signal's name. */
  readonly exit: Promise<number | string>;
  /** Resolves with the URL of the line `listening on URL`; rejects where the process ends before it. */
  readonly url: Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of a run. */
export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** What runs it: Node.js itself where not given. */
  readonly command?: string;
  /** What stands between that and the launcher. */
  readonly commandArgs?: readonly string[];
  readonly cwd?: string;
}

/** The environment of this process without what it is told as a test, or as a gateway. */
export function programEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('AIGATEWAY_') && !name.startsWith('NODE_TEST')),
  );
}

/** Starts `aigateway` with these arguments and none of this process's own settings. */
export function runProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  const child = spawn(options.command ?? process.execPath, [...(options.commandArgs ?? []), launcher, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...programEnvironment(), ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const exit = new Promise<number | string>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'gone')),
  );
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const found = /^listening on (\S+)$/mu.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    void exit.then((code) => reject(new Error(`ended with ${code} before it listened: ${errors}${output}`)));
  });
  url.catch(() => {});
  return {
    process: child,
    output: () => output,
    errors: () => errors,
    exit,
    url,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exit;
      const [key] = wholeKey.exec(output + errors) ?? [];
      if (key !== undefined) throw new Error(`the program printed a key: ${key}`);
    },
  };
}
