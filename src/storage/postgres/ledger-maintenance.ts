// The maintenance of the ledger on PostgreSQL: several gateways may do it, one bite at a time.
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import { numbered } from '../plain-sql.ts';
import { sqlLedgerMaintenance } from '../sql-ledger-maintenance.ts';
import type { PostgresPool } from './pool.ts';

/** The other side of the lock that the trigger on the sums takes, see the migration 0007-usage-folds. */
const lockSums = `SELECT pg_advisory_xact_lock('usage_quarters'::regclass::oid::bigint)`;

/** The maintenance on connections that are its caller's: no others are opened, and they are not closed. */
export function postgresLedgerMaintenance(pool: PostgresPool, retention: Retention): LedgerMaintenance {
  return sqlLedgerMaintenance(retention, {
    transaction: (work) =>
      pool.inTransaction((turn) => work((sql, ...parameters) => turn.run(numbered(sql), parameters))),
    lockSums,
    close: () => Promise.resolve(),
  });
}
