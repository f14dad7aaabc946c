// Opens the embedded database file: proves it is ours, brings its schema up to date, sets it up for many readers.
import { DatabaseSync } from 'node:sqlite';
import { OldSchemaError, StorageError } from '../storage.ts';
import { migrations } from './migrations/registry.ts';

/** Written into the file's header (`PRAGMA application_id`): "agwy". */
const applicationId = 0x61677779;

/** How long a write waits for another program's write. */
const busyTimeoutMs = 5000;

const diskFull = 'cannot be written because the disk is full; free some space';

/** SQLite's result codes (sqlite.org/rescode.html) → what they mean for who starts the gateway. */
const openProblems: Readonly<Record<number, string>> = {
  5: 'is locked by another program; end that program or its transaction',
  8: 'cannot be written; check the rights of the file and its folder',
  10: 'cannot be read or written (input/output error); check the disk',
  11: 'is damaged; restore a backup',
  13: diskFull,
  14: 'cannot be opened; check that the folder exists and the rights of the file',
  26: 'is not an SQLite database; move it away or set another DATA_DIR',
  // SQLITE_IOERR_SHMSIZE: the file beside the write-ahead log could not grow.
  4874: diskFull,
};

/** The primary result code of an error of node:sqlite, or undefined. */
export function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown }).errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

/**
 * Opens `file`, and migrates it where not told otherwise; throws a `StorageError` that says what is wrong with it and what
 * to do.
 */
export function openDatabase(file: string, migrates = true): DatabaseSync {
  return opened(file, (database) => {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864');
    if (migrates) migrate(database, file);
  });
}

/** Throws an `OldSchemaError` where a start would migrate `file`, and a `StorageError` where it could not open it. */
export function checkSchema(file: string): void {
  const database = opened(file, () => {});
  const done = readNumber(database, 'PRAGMA user_version');
  database.close();
  if (done > migrations.length) throw tooNew(file);
  if (done < migrations.length) throw new OldSchemaError(file);
}

/** The file, proven to be ours, when `prepare` has set it up. */
function opened(file: string, prepare: (database: DatabaseSync) => void): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: busyTimeoutMs });
    checkOwner(database, file);
    prepare(database);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof StorageError) throw error;
    const problem =
      openProblems[(error as { errcode?: number }).errcode ?? 0] ??
      openProblems[resultCode(error) ?? 0] ??
      `cannot be used: ${(error as Error).message}`;
    throw new StorageError(`the database ${file} ${problem}`, { cause: error });
  }
}

function tooNew(file: string): StorageError {
  return new StorageError(`the database ${file} was written by a newer version of aigateway; use that version`);
}

function readNumber(database: DatabaseSync, sql: string): number {
  return Number(Object.values(database.prepare(sql).get() ?? { none: 0 })[0]);
}

function checkOwner(database: DatabaseSync, file: string): void {
  // In this order: another start may commit the first schema between the two reads, and it writes both at once.
  const tables = readNumber(database, 'SELECT count(*) FROM sqlite_schema');
  const owner = readNumber(database, 'PRAGMA application_id');
  if (owner === applicationId || (owner === 0 && tables === 0)) return;
  throw new StorageError(`the database ${file} belongs to another program; move it away or set another DATA_DIR`);
}

/** Runs what is missing in one transaction that no other start can enter: one migrates, the others wait and find it done. */
function migrate(database: DatabaseSync, file: string): void {
  if (readNumber(database, 'PRAGMA user_version') === migrations.length) return;
  database.exec('PRAGMA busy_timeout = 60000; BEGIN IMMEDIATE');
  try {
    const done = readNumber(database, 'PRAGMA user_version');
    if (done > migrations.length) throw tooNew(file);
    for (const { statements } of migrations.slice(done)) for (const statement of statements) database.exec(statement);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
  database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
}
