// Opens the writing side of the ledger on the database that a URL names. Called in the ledger's own thread.
import type { LedgerStore } from './ledger-store.ts';
import { openPostgresLedgerStore } from './postgres/ledger-store.ts';
import { openSqliteLedgerStore } from './sqlite/ledger-store.ts';

/** `url` is `sqlite:FILE` or `postgres://…`. Rejects with a `StorageError` where the database cannot be used. */
export async function openLedgerStore(url: string): Promise<LedgerStore> {
  if (!url.startsWith('sqlite:')) return openPostgresLedgerStore(url);
  return openSqliteLedgerStore(url.slice('sqlite:'.length));
}
