// The maintenance of the ledger on the embedded database. Called in the ledger's own thread, so it may block it.
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import type { Run } from '../plain-sql.ts';
import { sqlLedgerMaintenance } from '../sql-ledger-maintenance.ts';
import { openDatabase } from './open.ts';
import { listRequests } from './request-lists.ts';
import { Statements } from './statements.ts';

/** Opens the maintenance of a database file. */
export function openSqliteLedgerMaintenance(file: string, retention: Retention): LedgerMaintenance {
  const database = openDatabase(file);
  const statements = new Statements(database);
  const run: Run = async (sql, ...parameters) => statements.run(sql, parameters);
  return sqlLedgerMaintenance(retention, {
    async transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = await work(run);
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    listRequests: () => listRequests(database),
    overwrite: { begin: 'PRAGMA secure_delete = 1', end: 'PRAGMA secure_delete = 0' },
    close: async () => database.close(),
  });
}
