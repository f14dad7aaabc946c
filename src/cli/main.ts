// The command line: finds the command, runs it, and turns what goes wrong into one line and an exit code.
import { readFileSync } from 'node:fs';
import { SettingError } from '../core/settings.ts';
import { StartError } from '../core/start-error.ts';
import { OldSchemaError, StorageError } from '../storage/storage.ts';
import { VaultError } from '../vault/vault.ts';
import { CommandError, harmless, helpOf, readCall, table, UsageError, type Command } from './command.ts';

/** Each loads only what it needs: a gateway at work has neither chaos nor a fake OpenAI in its memory. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./serve.ts')).serve,
  accounts: async () => (await import('./accounts.ts')).accounts,
  keys: async () => (await import('./keys.ts')).keys,
  reconcile: async () => (await import('./reconcile.ts')).reconcile,
  doctor: async () => (await import('./doctor.ts')).doctor,
  db: async () => (await import('./db.ts')).db,
  vault: async () => (await import('./vault.ts')).vault,
  chaos: async () => (await import('./chaos.ts')).chaos,
  demo: async () => (await import('./demo.ts')).demo,
  mock: async () => (await import('./mock.ts')).mock,
};

/** What no person calls. */
const unlisted: typeof commands = { worker: async () => (await import('./worker.ts')).worker };

/** Errors whose message is meant for the person who called, and the exit code each leads to. */
const expected: readonly (readonly [new (...parts: never[]) => Error, number])[] = [
  [UsageError, 2],
  [SettingError, 2],
  [CommandError, 1],
  [StartError, 1],
  [StorageError, 1],
  [OldSchemaError, 1],
  [VaultError, 1],
];

/** Runs the command line; sets the exit code. */
export async function run(args: readonly string[]): Promise<void> {
  outliveReaders();
  try {
    const code = await runCommand(args);
    process.exitCode ??= code;
  } catch (error) {
    const code = expected.find(([type]) => error instanceof type)?.[1];
    if (code === undefined) throw error;
    process.stderr.write(`aigateway: ${harmless((error as Error).message)}\n`);
    process.exitCode = code;
  }
}

/** Who reads what is printed may be gone, or the disk full: that ends no gateway. Who asked has not got it, and is told so. */
function outliveReaders(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.stderr.write(`aigateway: standard output cannot be written: ${error.message}\n`);
    process.exitCode = 1;
  });
}

async function runCommand(args: readonly string[]): Promise<number> {
  const [first = 'serve', ...rest] = args;
  if (first === '--help' || first === '-h' || first === 'help') {
    const [asked] = rest;
    process.stdout.write(asked === undefined ? await overview() : helpOf(await commandOf(asked)));
    return 0;
  }
  if (first === '--version' || first === '-V') {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  // `npm start -- --port 9000` means serve.
  const [name, own] = first.startsWith('-') ? ['serve', args] : [first, rest];
  const command = await commandOf(name);
  if (own.includes('--help') || own.includes('-h')) {
    process.stdout.write(helpOf(command));
    return 0;
  }
  return (await command.run(readCall(command, own))) ?? 0;
}

async function commandOf(name: string): Promise<Command> {
  const all = { ...commands, ...unlisted };
  const load = Object.hasOwn(all, name) ? all[name] : undefined;
  if (load === undefined) throw new UsageError(`there is no command "${name}"; see "aigateway --help"`);
  return load();
}

async function overview(): Promise<string> {
  const all = await Promise.all(Object.values(commands).map((load) => load()));
  const rows = all.map(({ name, summary }) => [name, summary]);
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
