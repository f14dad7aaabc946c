// The maintenance of the ledger on PostgreSQL: several gateways may do it, one bite at a time.
import { Kysely, sql } from 'kysely';
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { sqlLedgerMaintenance } from '../sql-ledger-maintenance.ts';
import { postgresDialect } from './dialect.ts';
import { openDatabase } from './open.ts';
import { PostgresPool } from './pool.ts';
import { Transactions } from './transactions.ts';

const statementLimitMs = 10_000;

/** The other side of the lock that the trigger on the sums takes, see the migration 0007-usage-folds. */
const lockSums = sql`SELECT pg_advisory_xact_lock('usage_quarters'::regclass::oid::bigint)`;

/** Opens the maintenance: one connection while it is at work. Rejects with a `StorageError` where the database cannot be used. */
export async function openPostgresLedgerMaintenance(url: string, retention: Retention): Promise<LedgerMaintenance> {
  const address = await openDatabase(url);
  const name = 'aigateway (maintenance)';
  const pool = new PostgresPool(address, { size: 1, name, statementLimitMs, isSeldomUsed: true });
  const dialect = postgresDialect(pool, new Transactions(pool));
  return sqlLedgerMaintenance(new Kysely<LedgerTables>({ dialect }), retention, {
    lockSums,
    close: () => pool.close(),
  });
}
