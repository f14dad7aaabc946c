// SQL as another program would run it: its wait for a lock does not keep this one, and the gateway in it, from going on.
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

/** Runs statements on a database file that a gateway in this process has open. */
export async function runOutside(file: string, sql: string): Promise<void> {
  using database = new DatabaseSync(file, { timeout: 0 });
  for (;;) {
    try {
      database.exec(sql);
      return;
    } catch (error) {
      if (!(error as Error).message.includes('database is locked')) throw error;
      if (database.isTransaction) database.exec('ROLLBACK');
      await sleep(5);
    }
  }
}
