// The reading side of the ledger on the embedded database, in a thread of its own that lives only while it is used.
import { Kysely } from 'kysely';
import type { Clock } from '../../lib/clock.ts';
import type { LedgerReports } from '../ledger-reports.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { requestReports } from '../request-reports.ts';
import { StorageError } from '../storage.ts';
import { readUsage } from '../usage-reports.ts';
import { SqliteConnection } from './connection.ts';
import { sqliteDialect } from './dialect.ts';
import { Turns } from './turns.ts';

/** A thread costs 8 MB and 30 ms. */
const idleMs = 60_000;

interface Opened {
  readonly connection: SqliteConnection;
  readonly database: Kysely<LedgerTables>;
}

/** Reports over a database file that is migrated already. A long one keeps other reports waiting, but nobody else. */
export class SqliteLedgerReports implements LedgerReports {
  readonly #file: string;
  readonly #clock: Clock;
  #opened: Promise<Opened> | undefined;
  #users = 0;
  #stopIdling: (() => void) | undefined;
  #isClosed = false;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  async listRequests(
    ...parameters: Parameters<LedgerReports['listRequests']>
  ): ReturnType<LedgerReports['listRequests']> {
    return this.#use((database) => requestReports(database).listRequests(...parameters));
  }

  async getRequest(id: string): ReturnType<LedgerReports['getRequest']> {
    return this.#use((database) => requestReports(database).getRequest(id));
  }

  async *usage(...parameters: Parameters<LedgerReports['usage']>): ReturnType<LedgerReports['usage']> {
    const database = await this.#begin();
    try {
      yield* readUsage(database, ...parameters);
    } finally {
      this.#end();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closeThread();
  }

  async #use<Result>(work: (database: Kysely<LedgerTables>) => Promise<Result>): Promise<Result> {
    const database = await this.#begin();
    try {
      return await work(database);
    } finally {
      this.#end();
    }
  }

  async #begin(): Promise<Kysely<LedgerTables>> {
    if (this.#isClosed) throw new StorageError('the database is closed');
    this.#stopIdling?.();
    this.#stopIdling = undefined;
    this.#users += 1;
    try {
      this.#opened ??= open(this.#file);
      return (await this.#opened).database;
    } catch (error) {
      // The next one tries again.
      this.#opened = undefined;
      this.#end();
      throw error;
    }
  }

  #end(): void {
    this.#users -= 1;
    if (this.#users > 0 || this.#isClosed) return;
    this.#stopIdling = this.#clock.after(idleMs, () => void this.#closeThread());
  }

  async #closeThread(): Promise<void> {
    this.#stopIdling?.();
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.then(
      ({ connection }) => connection.close(),
      () => undefined,
    );
  }
}

async function open(file: string): Promise<Opened> {
  const connection = await SqliteConnection.open(file);
  await connection.run('PRAGMA query_only = 1', []);
  return { connection, database: new Kysely({ dialect: sqliteDialect(connection, new Turns(connection)) }) };
}
