// A fresh database with both its sides, the configuration's and the ledger's, and a way to look into it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { LedgerMaintenance } from '../../src/storage/ledger-maintenance.ts';
import type { LedgerStore } from '../../src/storage/ledger-store.ts';
import { openLedgerStore } from '../../src/storage/open-ledger-store.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { runSql, sharedPostgres } from './postgres.ts';

/** A database with both its sides. */
export interface LedgerDatabase {
  readonly storage: Storage;
  readonly ledger: LedgerStore;
  /** Another writer of the same ledger, as another gateway has; closed with the ground. */
  openAnother(): Promise<LedgerStore>;
  /** Opens a maintenance that keeps requests and transcripts so long. Whoever opens it closes it. */
  openMaintenance(requestsMs: number | null, transcriptsMs?: number | null): Promise<LedgerMaintenance>;
  /** Runs SQL as another program would; the rows of the last statement. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** An embedded database in a folder of its own. */
export async function sqliteGround(): Promise<LedgerDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-ledger-'));
  const file = join(folder, 'aigateway.db');
  const storage = await openSqliteStorage(file);
  const reader = new DatabaseSync(file, { timeout: 5000 });
  return ground(
    storage,
    `sqlite:${file}`,
    async (sql) => reader.prepare(sql).all(),
    () => {
      reader.close();
      rmSync(folder, { recursive: true, force: true });
    },
  );
}

/** A database of its own on the PostgreSQL server that the tests share. */
export async function postgresGround(): Promise<LedgerDatabase> {
  const url = await (await sharedPostgres()).createDatabase();
  return ground(
    await openPostgresStorage(url),
    url,
    (sql) => runSql(url, sql),
    () => {},
  );
}

async function ground(
  storage: Storage,
  url: string,
  query: LedgerDatabase['query'],
  cleanUp: () => void,
): Promise<LedgerDatabase> {
  const stores = [await openLedgerStore(url)] as [LedgerStore, ...LedgerStore[]];
  const openAnother = async (): Promise<LedgerStore> => {
    const store = await openLedgerStore(url);
    stores.push(store);
    return store;
  };
  return {
    storage,
    ledger: stores[0],
    openAnother,
    openMaintenance: async (requestsMs, transcriptsMs = null) =>
      (await openAnother()).openMaintenance({ requestsMs, transcriptsMs }),
    query,
    async close() {
      for (const store of stores) await store.close();
      await storage.close();
      cleanUp();
    },
  };
}
