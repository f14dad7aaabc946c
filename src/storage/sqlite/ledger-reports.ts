// The reading side of the ledger on the embedded database, in a thread of its own that lives only while it is used.
import { Kysely } from 'kysely';
import type { Clock } from '../../lib/clock.ts';
import type { LedgerReports } from '../ledger-reports.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { sqlLedgerReports } from '../sql-ledger-reports.ts';
import { StorageError } from '../storage.ts';
import { SqliteConnection } from './connection.ts';
import { sqliteDialect } from './dialect.ts';
import type { Place } from './place.ts';
import { Turns } from './turns.ts';

/** A thread costs 8 MB and 30 ms. */
const idleMs = 60_000;

interface Opened {
  readonly connection: SqliteConnection;
  readonly reports: LedgerReports;
}

/** What budgets ask while requests wait. */
export type ShortQuestions = Pick<LedgerReports, 'spending' | 'spendingOfSpool'>;

/** Reports over a database file that is migrated already. A long one keeps other reports waiting, but nobody else. */
export class SqliteLedgerReports implements LedgerReports {
  readonly #file: string;
  readonly #place: Place;
  readonly #clock: Clock;
  readonly #short: () => ShortQuestions | undefined;
  #opened: Promise<Opened> | undefined;
  #users = 0;
  #stopIdling: (() => void) | undefined;
  #isClosed = false;

  /** `short` answers short questions without a thread of their own; undefined where they would have to wait there. */
  constructor(file: string, place: Place, clock: Clock, short: () => ShortQuestions | undefined) {
    this.#file = file;
    this.#place = place;
    this.#clock = clock;
    this.#short = short;
  }

  async listRequests(
    ...parameters: Parameters<LedgerReports['listRequests']>
  ): ReturnType<LedgerReports['listRequests']> {
    return this.#use((reports) => reports.listRequests(...parameters));
  }

  async getRequest(id: string): ReturnType<LedgerReports['getRequest']> {
    return this.#use((reports) => reports.getRequest(id));
  }

  async *usage(...parameters: Parameters<LedgerReports['usage']>): ReturnType<LedgerReports['usage']> {
    const reports = await this.#begin();
    try {
      yield* reports.usage(...parameters);
    } finally {
      this.#end();
    }
  }

  async spending(...parameters: Parameters<LedgerReports['spending']>): ReturnType<LedgerReports['spending']> {
    const short = this.#short();
    return short === undefined
      ? this.#use((reports) => reports.spending(...parameters))
      : short.spending(...parameters);
  }

  async spendingOfSpool(
    ...parameters: Parameters<LedgerReports['spendingOfSpool']>
  ): ReturnType<LedgerReports['spendingOfSpool']> {
    const short = this.#short();
    return short === undefined
      ? this.#use((reports) => reports.spendingOfSpool(...parameters))
      : short.spendingOfSpool(...parameters);
  }

  async attemptSums(...parameters: Parameters<LedgerReports['attemptSums']>): ReturnType<LedgerReports['attemptSums']> {
    return this.#use((reports) => reports.attemptSums(...parameters));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closeThread();
  }

  async #use<Result>(work: (reports: LedgerReports) => Promise<Result>): Promise<Result> {
    const reports = await this.#begin();
    try {
      return await work(reports);
    } finally {
      this.#end();
    }
  }

  async #begin(): Promise<LedgerReports> {
    if (this.#isClosed) throw new StorageError('the database is closed');
    this.#stopIdling?.();
    this.#stopIdling = undefined;
    this.#users += 1;
    try {
      this.#opened ??= open(this.#file, this.#place, this.#clock);
      return (await this.#opened).reports;
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

async function open(file: string, place: Place, clock: Clock): Promise<Opened> {
  const connection = await SqliteConnection.open(file, { isReadOnly: true, clock, place });
  const side = { connection, turns: new Turns(connection) };
  const dialect = sqliteDialect(() => side);
  const database = new Kysely<LedgerTables>({ dialect });
  const listedUntil = async (): Promise<string> => {
    const [listed] = await database.selectFrom('listed_requests').select('until_id').execute();
    return listed?.until_id ?? '';
  };
  return { connection, reports: sqlLedgerReports(database, listedUntil) };
}
