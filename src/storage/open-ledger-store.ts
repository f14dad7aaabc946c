// Opens the writing side of the ledger on the database that a URL names. Called in the ledger's own thread.
import type { LedgerStore } from './ledger-store.ts';

/** `url` is `sqlite:FILE` or `postgres://…`. Rejects with a `StorageError` where the database cannot be used. */
export async function openLedgerStore(url: string): Promise<LedgerStore> {
  // Who works on one kind of database has no driver of the other in its memory.
  if (!url.startsWith('sqlite:')) {
    const { openPostgresLedgerStore } = await import('./postgres/ledger-store.ts');
    return openPostgresLedgerStore(url);
  }
  const { openSqliteLedgerStore } = await import('./sqlite/ledger-store.ts');
  return openSqliteLedgerStore(url.slice('sqlite:'.length));
}
