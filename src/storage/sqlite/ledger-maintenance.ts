// The maintenance of the ledger on the embedded database. Called in the ledger's own thread, so it may block it.
import { Kysely, sql } from 'kysely';
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { sqlLedgerMaintenance } from '../sql-ledger-maintenance.ts';
import { StorageError } from '../storage.ts';
import { sqliteDialect } from './dialect.ts';
import { openDatabase } from './open.ts';
import { Statements, type StatementRunner } from './statements.ts';
import { Turns } from './turns.ts';

/** Opens the maintenance of a database file. */
export function openSqliteLedgerMaintenance(file: string, retention: Retention): LedgerMaintenance {
  const database = openDatabase(file);
  const statements = new Statements(database);
  const connection: StatementRunner = {
    async run(sql, parameters) {
      try {
        return statements.run(sql, parameters);
      } catch (error) {
        throw new StorageError(`the ledger could not be tidied: ${(error as Error).message}`, { cause: error });
      }
    },
    runBatch: async (batch) => statements.runBatch(batch) > 0,
  };
  const side = { connection, turns: new Turns(connection) };
  const dialect = sqliteDialect(() => side);
  return sqlLedgerMaintenance(new Kysely<LedgerTables>({ dialect }), retention, {
    overwrite: { begin: sql`PRAGMA secure_delete = 1`, end: sql`PRAGMA secure_delete = 0` },
    close: async () => database.close(),
  });
}
