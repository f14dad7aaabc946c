// The reading side of the ledger over SQL: the same queries for every database that Kysely speaks to.
import type { Kysely } from 'kysely';
import { attemptSums } from './attempt-sums.ts';
import type { LedgerReports } from './ledger-reports.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { requestReports, type ListedUntil } from './request-reports.ts';
import { readSpending, readSpendingOfSpool } from './spending.ts';
import { readUsage } from './usage-reports.ts';

/** The reports of an open, migrated database; `listedUntil`: see `requestReports`. */
export function sqlLedgerReports(database: Kysely<LedgerTables>, listedUntil?: ListedUntil): LedgerReports {
  return {
    ...requestReports(database, listedUntil),
    usage: (query, enough) => readUsage(database, query, enough),
    spending: (keyIds, fromMs, lostBeforeMs) => readSpending(database, keyIds, fromMs, lostBeforeMs),
    spendingOfSpool: (spool, keyId, period) => readSpendingOfSpool(database, spool, keyId, period),
    attemptSums: (span) => attemptSums(database, span),
  };
}
