// The embedded database as a `Storage`.
import { Kysely } from 'kysely';
import type { Tables } from '../columns.ts';
import { sqlStorage } from '../sql-storage.ts';
import type { Storage } from '../storage.ts';
import { SqliteConnection } from './connection.ts';
import { sqliteDialect } from './dialect.ts';

/** Opens and migrates the database file; rejects with a `StorageError` that says what is wrong with it. */
export async function openSqliteStorage(file: string): Promise<Storage> {
  const connection = await SqliteConnection.open(file);
  const database = new Kysely<Tables>({ dialect: sqliteDialect(connection) });
  return sqlStorage(database, {
    backup: (copy) => connection.backup(copy),
    close: () => connection.close(),
  });
}
