// The database that a test's gateway uses: the embedded one, or PostgreSQL where the run is told so.
import { join } from 'node:path';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { sharedPostgres } from './postgres.ts';

/** Set to `postgres` it lets every gateway of the tests use PostgreSQL; `npm run test:postgres` sets it. */
export const testDatabaseVariable = 'AIGATEWAY_TEST_DATABASE';

/** A fresh database. */
export interface TestDatabase {
  /** The setting `DATABASE_URL`. */
  readonly url: string;
  /** The file or the URL for `runOutside`. */
  readonly outside: string;
}

/** A fresh database for a gateway whose data folder is this. */
export async function freshDatabase(folder: string): Promise<TestDatabase> {
  if (process.env[testDatabaseVariable] !== 'postgres')
    return { url: 'sqlite:', outside: join(folder, 'aigateway.db') };
  const url = await (await sharedPostgres()).createDatabase();
  return { url, outside: url };
}

/** The database for what opens the ledger, by the file or URL that is for SQL from outside. */
export function ledgerUrlOf(outside: string): string {
  return outside.startsWith('postgres://') ? outside : `sqlite:${outside}`;
}

/** Opens it as the gateway does. */
export function openTestStorage({ url, outside }: TestDatabase): Promise<Storage> {
  return url === outside ? openPostgresStorage(url) : openSqliteStorage(outside);
}
