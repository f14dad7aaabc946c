// Opens the maintenance of the ledger on the database that a URL names. Called in the ledger's own thread.
import type { LedgerMaintenance, Retention } from './ledger-maintenance.ts';
import { openPostgresLedgerMaintenance } from './postgres/ledger-maintenance.ts';
import { openSqliteLedgerMaintenance } from './sqlite/ledger-maintenance.ts';

/** `url` is `sqlite:FILE` or `postgres://…`. Rejects with a `StorageError` where the database cannot be used. */
export async function openLedgerMaintenance(url: string, retention: Retention): Promise<LedgerMaintenance> {
  if (!url.startsWith('sqlite:')) return openPostgresLedgerMaintenance(url, retention);
  return openSqliteLedgerMaintenance(url.slice('sqlite:'.length), retention);
}
