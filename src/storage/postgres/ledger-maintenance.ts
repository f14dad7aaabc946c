// The maintenance of the ledger on PostgreSQL: several gateways may do it, one bite at a time.
import { Kysely, sql } from 'kysely';
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { sqlLedgerMaintenance } from '../sql-ledger-maintenance.ts';
import { postgresDialect } from './dialect.ts';
import type { PostgresPool } from './pool.ts';
import { Transactions } from './transactions.ts';

/** The other side of the lock that the trigger on the sums takes, see the migration 0007-usage-folds. */
const lockSums = sql`SELECT pg_advisory_xact_lock('usage_quarters'::regclass::oid::bigint)`;

/** The maintenance on connections that are its caller's: no others are opened, and they are not closed. */
export function postgresLedgerMaintenance(pool: PostgresPool, retention: Retention): LedgerMaintenance {
  const dialect = postgresDialect(pool, new Transactions(pool));
  return sqlLedgerMaintenance(new Kysely<LedgerTables>({ dialect }), retention, {
    lockSums,
    close: () => Promise.resolve(),
  });
}
