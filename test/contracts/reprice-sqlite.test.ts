// The embedded database under the reprice contract.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openSqliteLedgerStore } from '../../src/storage/sqlite/ledger-store.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { repriceContract } from './reprice.ts';

repriceContract('sqlite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-reprice-'));
  const file = join(folder, 'aigateway.db');
  const storage = await openSqliteStorage(file);
  const ledger = openSqliteLedgerStore(file);
  const reader = new DatabaseSync(file, { readOnly: true });
  return {
    storage,
    ledger,
    query: (sql) => reader.prepare(sql).all(),
    async close() {
      reader.close();
      await ledger.close();
      await storage.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
