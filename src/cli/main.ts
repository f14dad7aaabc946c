// The command line: finds the command, runs it, and turns what goes wrong into one line and an exit code.
import { readFileSync } from 'node:fs';
import { SettingError } from '../core/settings.ts';
import { StartError } from '../core/start-error.ts';
import { StorageError } from '../storage/storage.ts';
import { VaultError } from '../vault/vault.ts';
import { accounts } from './accounts.ts';
import { chaos } from './chaos.ts';
import { CommandError, helpOf, readCall, table, UsageError, type Command } from './command.ts';
import { db } from './db.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { keys } from './keys.ts';
import { mock } from './mock.ts';
import { reconcile } from './reconcile.ts';
import { serve } from './serve.ts';
import { vault } from './vault.ts';

const commands: readonly Command[] = [serve, accounts, keys, reconcile, doctor, db, vault, chaos, demo, mock];

/** Errors whose message is meant for the person who called, and the exit code each leads to. */
const expected: readonly (readonly [new (...parts: never[]) => Error, number])[] = [
  [UsageError, 2],
  [SettingError, 2],
  [CommandError, 1],
  [StartError, 1],
  [StorageError, 1],
  [VaultError, 1],
];

/** Runs the command line; sets the exit code. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await runCommand(args);
  } catch (error) {
    const code = expected.find(([type]) => error instanceof type)?.[1];
    if (code === undefined) throw error;
    process.stderr.write(`aigateway: ${(error as Error).message}\n`);
    process.exitCode = code;
  }
}

async function runCommand(args: readonly string[]): Promise<number> {
  const [first = 'serve', ...rest] = args;
  if (first === '--help' || first === '-h' || first === 'help') {
    const asked = commands.find(({ name }) => name === rest[0]);
    process.stdout.write(asked === undefined ? overview() : helpOf(asked));
    return 0;
  }
  if (first === '--version' || first === '-V') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  // `npm start -- --port 9000` means serve.
  const [name, own] = first.startsWith('-') ? ['serve', args] : [first, rest];
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw new UsageError(`there is no command "${name}"; see "aigateway --help"`);
  if (own.includes('--help') || own.includes('-h')) {
    process.stdout.write(helpOf(command));
    return 0;
  }
  return (await command.run(readCall(command, own))) ?? 0;
}

function overview(): string {
  const rows = commands.map(({ name, summary }) => [name, summary]);
  return `aigateway ${version()}: one address in front of many OpenAI accounts.

Usage: aigateway [command] [options]

Commands:
${table(rows)}

Without a command it serves. Every command has --help; settings are also read from AIGATEWAY_* variables.
`;
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
