// Opens the database that the settings name, and makes the folder and the file of an embedded one.
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../core/settings.ts';
import { StartError } from '../core/start-error.ts';
import { makeFolder } from '../lib/make-folder.ts';
import type { SqliteConnection } from './sqlite/connection.ts';
import type { Storage } from './storage.ts';

/** Where the embedded database is. */
export function databaseFile({ DATABASE_URL, DATA_DIR }: Pick<Settings, 'DATABASE_URL' | 'DATA_DIR'>): string {
  return DATABASE_URL.file || join(DATA_DIR, 'aigateway.db');
}

/** Makes the data folder and opens the database in it, or the one that the settings lead to. */
export async function openStorage(settings: Settings): Promise<Storage> {
  try {
    makeFolder(settings.DATA_DIR);
  } catch (error) {
    throw new StartError(
      `the data folder ${settings.DATA_DIR} cannot be made (${(error as NodeJS.ErrnoException).code}); check AIGATEWAY_DATA_DIR`,
    );
  }
  return open(settings, true);
}

async function open(settings: Settings, migrates: boolean): Promise<Storage> {
  // Who works on one kind of database has no driver of the other in its memory.
  if (settings.DATABASE_URL.kind === 'postgres') {
    const { openPostgresStorage } = await import('./postgres/storage.ts');
    return openPostgresStorage(settings.DATABASE_URL.reveal(), migrates);
  }
  const { openSqliteStorage } = await import('./sqlite/storage.ts');
  const file = databaseFile(settings);
  if (!migrates) (await import('./sqlite/open.ts')).checkSchema(file);
  makePrivate(file);
  return openSqliteStorage(file);
}

/** The same where nothing is to be made: a folder that was misspelt would be an empty database that looks like a true one. */
export async function openExistingStorage(settings: Settings): Promise<Storage> {
  requireDatabaseFile(settings);
  return open(settings, true);
}

/** The same for who only looks: an older schema stays as it is, for the gateway of that version, and is an `OldSchemaError`. */
export async function openStorageAsItIs(settings: Settings): Promise<Storage> {
  requireDatabaseFile(settings);
  return open(settings, false);
}

/** What copies an embedded database, whatever version its schema is of. */
export async function openForCopy(settings: Settings): Promise<Pick<SqliteConnection, 'backup' | 'close'>> {
  if (settings.DATABASE_URL.kind === 'postgres')
    throw new StartError('a copy of PostgreSQL is made with its own program: pg_dump --format=custom --file=FILE');
  requireDatabaseFile(settings);
  const { SqliteConnection: connection } = await import('./sqlite/connection.ts');
  return connection.open(databaseFile(settings), { migrates: false });
}

/** Throws a `StartError` where the settings lead to an embedded database that is not there. */
export function requireDatabaseFile(settings: Pick<Settings, 'DATABASE_URL' | 'DATA_DIR'>): void {
  const file = databaseFile(settings);
  if (settings.DATABASE_URL.kind === 'postgres' || existsSync(file)) return;
  throw new StartError(`there is no database ${file}; check --data-dir`);
}

/** Makes the file for its owner alone before the database does for all; what is wrong with it the database says. */
function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch {
    // The database will meet the same obstacle.
  }
}
