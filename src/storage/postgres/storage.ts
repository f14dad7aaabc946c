// PostgreSQL as a `Storage` that several gateways share.
import { Kysely } from 'kysely';
import type { Tables } from '../columns.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { sqlLedgerReports } from '../sql-ledger-reports.ts';
import { sqlStorage } from '../sql-storage.ts';
import type { Storage } from '../storage.ts';
import { postgresDialect } from './dialect.ts';
import { migrations } from './migrations/registry.ts';
import { openDatabase } from './open.ts';
import { PostgresPool } from './pool.ts';
import { Transactions } from './transactions.ts';

/** The server tells of changes; asking is for the case that it cannot, as behind a pooler that passes no notices on. */
const pollEveryMs = 1000;

/** What the watch asks is small: an answer later than this is as good as none. */
const watchLimitMs = 2000;

/** The management API says "the database does not answer" after this at the latest. */
const statementLimitMs = 5000;

/**
 * Opens the database, and migrates it where not told otherwise; rejects with a `StorageError` that says what is wrong with it. Three connections at
 * most: one that watches, two for all else, so that a long report keeps nobody waiting. The ledger has one of its own.
 */
export async function openPostgresStorage(url: string, migrates = true): Promise<Storage> {
  const address = await openDatabase(url, migrations, migrates);
  const hearers = new Set<() => void>();
  const watching = new PostgresPool(address, {
    size: 1,
    name: 'aigateway (watch)',
    statementLimitMs: watchLimitMs,
    greeting: 'LISTEN aigateway_changes',
    onNotification() {
      for (const hear of hearers) hear();
    },
  });
  const working = new PostgresPool(address, { size: 2, name: 'aigateway', statementLimitMs });
  const transactions = new Transactions(working);
  const database = new Kysely<LedgerTables>({ dialect: postgresDialect(working, transactions) });
  return sqlStorage(
    database,
    {
      reports: sqlLedgerReports(database),
      pollEveryMs,
      locksRows: true,
      onChange(hear) {
        hearers.add(hear);
        return () => hearers.delete(hear);
      },
      transaction: (work) => transactions.run(work),
      batch: (statements) => transactions.batch(statements),
      // A commit is answered when it is on the server's disk, unless its `synchronous_commit` was switched off.
      flush: () => Promise.resolve(),
      async close() {
        await Promise.all([watching.close(), working.close()]);
      },
    },
    new Kysely<Tables>({ dialect: postgresDialect(watching, transactions) }),
  );
}
