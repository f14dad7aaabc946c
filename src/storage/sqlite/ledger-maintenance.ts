// The maintenance of the ledger on the embedded database. Called in the ledger's own thread, so it may block it.
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import type { Run } from '../plain-sql.ts';
import { sqlLedgerMaintenance } from '../sql-ledger-maintenance.ts';
import { openDatabase } from './open.ts';
import { Place } from './place.ts';
import { listRequests } from './request-lists.ts';
import { Statements } from './statements.ts';

/** Opens the maintenance of a database file; `known` where that file has been open already. */
export function openSqliteLedgerMaintenance(file: string, retention: Retention, known?: Place): LedgerMaintenance {
  known?.check();
  const database = openDatabase(file);
  const place = known ?? new Place(file);
  const statements = new Statements(database);
  const run: Run = async (sql, ...parameters) => statements.run(sql, parameters);
  return sqlLedgerMaintenance(retention, {
    async transaction(work) {
      place.check();
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
