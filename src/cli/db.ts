// `aigateway db`: brings the schema up to date, writes a consistent copy, or moves to PostgreSQL, while the gateway runs or not.
import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import { DatabaseUrl } from '../core/database-url.ts';
import { databaseFile, openForCopy, openStorage, requireDatabaseFile } from '../storage/open-storage.ts';
import { moveDatabase, moveRest } from '../storage/move/move-database.ts';
import { chooseAction, CommandError, UsageError, type Action, type Call, type Command } from './command.ts';

const actions: Readonly<Record<string, Action<(call: Call) => Promise<void>>>> = {
  migrate: { run: migrate },
  backup: { argument: 'FILE', run: backup },
  move: { run: move },
};

export const db: Command = {
  name: 'db',
  summary: 'Brings the database schema up to date, writes a consistent copy of it, or moves it to PostgreSQL.',
  usage: 'migrate | backup FILE | move --to URL',
  options: {
    to: { value: 'URL', meaning: 'move: where to: postgres://USER@HOST/DATABASE; the password may be in PGPASSWORD.' },
    rest: { meaning: 'move: only the requests that the old database got since, added to the new one.' },
  },
  settings: ['DATA_DIR', 'DATABASE_URL'],
  notes: 'A copy holds the account keys encrypted: keep DATA_DIR/master.key with it, in another place.',
  run: (call) => chooseAction('db', actions, call.arguments)(call),
};

async function migrate({ settings }: Call): Promise<void> {
  const storage = await openStorage(settings);
  await storage.close();
  process.stdout.write('the schema is up to date\n');
}

async function backup({ settings, arguments: [, file] }: Call): Promise<void> {
  if (file === undefined) throw new UsageError('say where to: aigateway db backup FILE');
  const database = await openForCopy(settings);
  try {
    await writeBackup(database, file);
  } finally {
    await database.close();
  }
  process.stdout.write(`wrote ${file}\n`);
}

/** Writes the copy under another name first: what is there under the name that was asked for is whole, whatever breaks it off. */
export async function writeBackup(database: { backup(copy: string): Promise<void> }, file: string): Promise<void> {
  if (existsSync(file)) throw new CommandError(`${file} exists already; a backup never overwrites`);
  const part = `${file}.part`;
  makePrivate(part);
  try {
    await database.backup(part);
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** Makes the file, as private as the database itself, before the copy would be made for all to read. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') throw new CommandError(`${file} cannot be made (${code}); choose another place`);
    throw new CommandError(`${file} exists: a backup is being written, or was broken off; delete it if none is`);
  }
}

/** The old database is only read, and stays as it is. */
async function move({ settings, options, switches }: Call): Promise<void> {
  const to = readTarget(options['to']);
  if (settings.DATABASE_URL.kind !== 'sqlite')
    throw new UsageError('what is moved is an embedded database: DATABASE_URL must not be PostgreSQL yet');
  requireDatabaseFile(settings);
  const file = databaseFile(settings);
  if (switches.has('rest')) {
    process.stdout.write(`${await moveRest(file, to.reveal())} requests added\n`);
    return;
  }
  const report = await moveDatabase(file, to.reveal(), (table, rows) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${table} ${rows}`);
  });
  if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
  for (const [table, { rows, digest }] of report)
    process.stdout.write(`${table.padEnd(24)}${String(rows).padStart(10)} rows  sha256 ${digest.slice(0, 16)}\n`);
  process.stdout.write(
    `the same on both sides; ${file} is as it was\nnow start the gateway with AIGATEWAY_DATABASE_URL, end the old one, and add what came meanwhile with --rest\n`,
  );
}

function readTarget(text: string | undefined): DatabaseUrl {
  try {
    const url = new DatabaseUrl(text ?? '');
    if (url.kind === 'postgres') return url;
  } catch {
    // The text is not repeated: it may hold a password.
  }
  throw new UsageError('say where to: aigateway db move --to postgres://USER@HOST:5432/DATABASE');
}
