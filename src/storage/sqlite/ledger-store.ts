// The writing side of the ledger on the embedded database. Called in the ledger's own thread, so it may block it.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import {
  attemptColumns,
  attemptValues,
  groupColumns,
  requestColumns,
  requestValues,
  usageValues,
} from '../ledger-columns.ts';
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import type {
  LedgerAttemptRow,
  LedgerBatch,
  LedgerEntry,
  LedgerPart,
  LedgerRequestRow,
  LedgerStore,
  SpoolPosition,
} from '../ledger-store.ts';
import { StorageError } from '../storage.ts';
import { transcriptColumns, type TranscriptRow } from '../transcripts.ts';
import { spendingColumns, SpendingIncrements } from '../spending-increments.ts';
import { sumColumns, UsageIncrements } from '../usage-increments.ts';
import { openDatabase } from './open.ts';
import { Place } from './place.ts';
import { areUnlisted, listRequests, mostUnlisted } from './request-lists.ts';

const insert = (table: string, columns: readonly string[]): string =>
  `INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;

const statements = {
  insertRequest: `INSERT OR IGNORE ${insert('requests', requestColumns)}`,
  replaceRequest: `INSERT OR REPLACE ${insert('requests', requestColumns)}`,
  putAttempt: `INSERT OR REPLACE ${insert('attempts', attemptColumns)}`,
  readRequest: `SELECT ${requestColumns.join(', ')} FROM requests WHERE id = ?`,
  readAttempts: `SELECT ${attemptColumns.join(', ')} FROM attempts WHERE request_id = ? ORDER BY n`,
  addUsage: `INSERT ${insert('usage_quarters', [...groupColumns, ...sumColumns])}
    ON CONFLICT DO UPDATE SET ${sumColumns.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')}`,
  addSpending: `INSERT ${insert('spool_spending', ['spool', ...spendingColumns])}
    ON CONFLICT DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd`,
  readPosition: 'SELECT segment, offset_bytes FROM spools WHERE spool = ?',
  writePosition: `INSERT INTO spools (spool, segment, offset_bytes) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET segment = excluded.segment, offset_bytes = excluded.offset_bytes`,
  conclude: `INSERT INTO spools (spool, segment, offset_bytes, over_at_ms) VALUES (?, 0, 0, ?)
    ON CONFLICT DO UPDATE SET over_at_ms = excluded.over_at_ms`,
  keepTranscript: `INSERT OR IGNORE INTO transcripts (${transcriptColumns.join(', ')})
    SELECT ${transcriptColumns.map((_, i) => `?${i + 1}`).join(', ')}
    WHERE EXISTS (SELECT 1 FROM client_keys WHERE id = ?2 AND keeps_transcripts)`,
  forget: 'DELETE FROM spools WHERE spool = ?',
} as const;

/** Pages that a checkpoint gathers, 16 MiB: where SQLite makes one every 4 MiB, it writes a page again for each few batches. */
const checkpointPages = 4096;

/** Opens the writing side on a database file; so many requests may wait to be listed while it is written to. */
export function openSqliteLedgerStore(file: string, most = mostUnlisted): LedgerStore {
  return new SqliteLedgerStore(file, most);
}

class SqliteLedgerStore implements LedgerStore {
  readonly #database: DatabaseSync;
  readonly #prepared: Readonly<Record<keyof typeof statements, StatementSync>>;

  readonly #file: string;
  readonly #place: Place;
  readonly #mostUnlisted: number;
  /** Entries until somebody looks whether too many wait to be listed. */
  #entriesToListing = 0;

  constructor(file: string, most: number) {
    const database = openDatabase(file);
    database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    this.#file = file;
    this.#place = new Place(file);
    this.#mostUnlisted = most;
    this.#database = database;
    this.#prepared = Object.fromEntries(
      Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]),
    ) as Record<keyof typeof statements, StatementSync>;
  }

  async position(spool: string): Promise<SpoolPosition> {
    return asStorageError(() => {
      const row = this.#prepared.readPosition.get(spool);
      return { segment: Number(row?.['segment'] ?? 0), offsetBytes: Number(row?.['offset_bytes'] ?? 0) };
    });
  }

  async append(batch: LedgerBatch): Promise<void> {
    const { spool, more } = batch;
    this.#listSome(batch.entries.length);
    this.#inTransaction(() => {
      const increments = new UsageIncrements();
      const spending = new SpendingIncrements();
      let { position } = batch;
      for (let part: LedgerPart | undefined = batch; part !== undefined; part = more?.()) {
        for (const entry of part.entries) this.#put(entry, increments, spending);
        ({ position } = part);
        if (part !== batch) this.#entriesToListing -= part.entries.length;
      }
      for (const increment of increments.list()) this.#prepared.addUsage.run(...usageValues(increment));
      for (const increment of spending.list())
        this.#prepared.addSpending.run(spool, ...spendingColumns.map((column) => increment[column]));
      this.#prepared.writePosition.run(spool, position.segment, position.offsetBytes);
    });
  }

  async keepTranscripts(rows: readonly TranscriptRow[]): Promise<void> {
    this.#inTransaction(() => {
      for (const row of rows) this.#prepared.keepTranscript.run(...valuesOf(row, transcriptColumns));
    });
  }

  async conclude(spool: string, nowMs: number): Promise<void> {
    this.#inTransaction(() => this.#prepared.conclude.run(spool, Math.floor(nowMs)));
  }

  async forget(spool: string): Promise<void> {
    this.#inTransaction(() => this.#prepared.forget.run(spool));
  }

  async openMaintenance(retention: Retention): Promise<LedgerMaintenance> {
    // Loaded when it is needed: a start has no use for it.
    const { openSqliteLedgerMaintenance } = await import('./ledger-maintenance.ts');
    return openSqliteLedgerMaintenance(this.#file, retention, this.#place);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  /** A busy ledger comes to no housekeeping, so that requests are listed in between. */
  #listSome(entries: number): void {
    this.#entriesToListing -= entries;
    if (this.#entriesToListing > 0) return;
    asStorageError(() => {
      if (areUnlisted(this.#database, this.#mostUnlisted)) this.#inTransaction(() => listRequests(this.#database));
    });
    this.#entriesToListing = this.#mostUnlisted;
  }

  #put(entry: LedgerEntry, increments: UsageIncrements, spending: SpendingIncrements): void {
    const { request, attempts } = entry;
    const row = requestValues(request);
    if (this.#prepared.insertRequest.run(...row).changes === 0) {
      const before = this.#read(entry);
      if (before.request.duration_ms !== null) return;
      increments.add(before, -1);
      spending.add(before, -1);
      this.#prepared.replaceRequest.run(...row);
    }
    for (const attempt of attempts) this.#prepared.putAttempt.run(...attemptValues(attempt));
    increments.add(entry);
    spending.add(entry);
  }

  /** An entry as it is in the database. */
  #read({ request: { id }, period }: LedgerEntry): LedgerEntry {
    return {
      period: period ?? null,
      request: this.#prepared.readRequest.get(id) as unknown as LedgerRequestRow,
      attempts: this.#prepared.readAttempts.all(id) as unknown as LedgerAttemptRow[],
    };
  }

  #inTransaction(work: () => unknown): void {
    asStorageError(() => {
      this.#place.check();
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        work();
        this.#database.exec('COMMIT');
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }
}

function valuesOf<Row, Column extends keyof Row>(row: Row, columns: readonly Column[]): SQLInputValue[] {
  return columns.map((column) => {
    const value: unknown = row[column];
    return typeof value === 'boolean' ? Number(value) : (value as SQLInputValue);
  });
}

function asStorageError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new StorageError(`the ledger could not be written: ${(error as Error).message}`, { cause: error });
  }
}
