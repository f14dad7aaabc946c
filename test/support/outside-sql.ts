// SQL as another program would run it: its wait for a lock does not keep this one, and the gateway in it, from going on.
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { runSql } from './postgres.ts';

/**
 * Runs statements on a database that a gateway in this process has open: an embedded one by its file, or one of
 * PostgreSQL by its URL. Answers the rows of the last statement.
 */
export async function runOutside(fileOrUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  if (fileOrUrl.startsWith('postgres://')) return runSql(fileOrUrl, sql);
  using database = new DatabaseSync(fileOrUrl, { timeout: 0 });
  for (;;) {
    try {
      if (/^\s*SELECT/iu.test(sql)) return database.prepare(sql).all();
      database.exec(sql);
      return [];
    } catch (error) {
      if (!(error as Error).message.includes('database is locked')) throw error;
      if (database.isTransaction) database.exec('ROLLBACK');
      await sleep(5);
    }
  }
}
