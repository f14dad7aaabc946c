// Keeps the ledger small and quick to read: folds sums, and deletes old rows. The same for every database that Kysely speaks to.
import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';
import { idsFrom } from '../lib/id.ts';
import type { LedgerMaintenance, Retention } from './ledger-maintenance.ts';
import { deletedUntilNote, foldGroupColumns, type LedgerTables } from './ledger-tables.ts';
import { StorageError } from './storage.ts';
import { quarterMs, sumColumns } from './usage-increments.ts';

/** A quarter of an hour is folded so long after its end: what still comes is added to each of its folds, one by one. */
const lateMs = quarterMs;

/** A bite takes about ten milliseconds. */
const groupsInBite = 1500;
const requestsInBite = 250;
/** A transcript may have 128 KiB. */
const transcriptsInBite = 50;

/** Where nothing is old enough to be deleted, how long until somebody looks again. */
const lookAgainMs = 60_000;

/** What differs between databases. */
export interface MaintenanceBackend {
  /** Keeps all others from writing sums until the end of the transaction; absent where nobody writes beside a transaction. */
  readonly lockSums?: RawBuilder<unknown> | undefined;
  /** Has what is deleted overwritten until the end of the transaction; absent where the database has its own rules for that. */
  readonly overwrite?: { readonly begin: RawBuilder<unknown>; readonly end: RawBuilder<unknown> } | undefined;
  close(): Promise<void>;
}

/** The maintenance of an open, migrated database. */
export function sqlLedgerMaintenance(
  database: Kysely<LedgerTables>,
  retention: Retention,
  backend: MaintenanceBackend,
): LedgerMaintenance {
  return new SqlLedgerMaintenance(database, retention, backend);
}

class SqlLedgerMaintenance implements LedgerMaintenance {
  readonly #database: Kysely<LedgerTables>;
  readonly #retention: Retention;
  readonly #backend: MaintenanceBackend;
  /** All quarters that end before this are folded. */
  #foldedUntilMs = 0;
  /** When somebody looks again: for requests, and for transcripts. */
  #noOldRequestsUntilMs = 0;
  #noOldTranscriptsUntilMs = 0;
  #isFoldingFirst = false;

  constructor(database: Kysely<LedgerTables>, retention: Retention, backend: MaintenanceBackend) {
    this.#database = database;
    this.#retention = retention;
    this.#backend = backend;
  }

  async step(nowMs: number): Promise<boolean> {
    // In turns: much to fold keeps nothing from being deleted, nor the other way round.
    this.#isFoldingFirst = !this.#isFoldingFirst;
    try {
      if (this.#isFoldingFirst) return (await this.#fold(nowMs)) || (await this.#delete(nowMs));
      return (await this.#delete(nowMs)) || (await this.#fold(nowMs));
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw new StorageError(`the ledger could not be tidied: ${(error as Error).message}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#backend.close();
  }

  /** Adds some quarters to the fold that is furthest behind; false where none is behind. */
  async #fold(nowMs: number): Promise<boolean> {
    const closedMs = Math.floor((nowMs - lateMs) / quarterMs) * quarterMs;
    if (closedMs <= this.#foldedUntilMs) return false;
    const isMoreDue = await this.#database.transaction().execute(async (transaction) => {
      await this.#backend.lockSums?.execute(transaction);
      return foldSome(transaction, closedMs);
    });
    if (!isMoreDue) this.#foldedUntilMs = closedMs;
    return isMoreDue;
  }

  async #delete(nowMs: number): Promise<boolean> {
    return (await this.#deleteRequests(nowMs)) || (await this.#deleteTranscripts(nowMs));
  }

  /** Deletes some requests that are too old, the oldest first; their sums stay. False where none is. */
  async #deleteRequests(nowMs: number): Promise<boolean> {
    const { requestsMs } = this.#retention;
    if (requestsMs === null || nowMs < this.#noOldRequestsUntilMs) return false;
    const count = await this.#database
      .transaction()
      .execute((transaction) => deleteSome(transaction, idsFrom('req', nowMs - requestsMs)));
    if (count < requestsInBite) this.#noOldRequestsUntilMs = nowMs + lookAgainMs;
    return count > 0;
  }

  /** The same for transcripts. */
  async #deleteTranscripts(nowMs: number): Promise<boolean> {
    const { transcriptsMs } = this.#retention;
    if (transcriptsMs === null || nowMs < this.#noOldTranscriptsUntilMs) return false;
    const beforeId = idsFrom('req', nowMs - transcriptsMs);
    const { overwrite } = this.#backend;
    const count = await this.#database.transaction().execute(async (transaction) => {
      await overwrite?.begin.execute(transaction);
      const deleted = await deleteTranscripts(transaction, beforeId);
      await overwrite?.end.execute(transaction);
      return deleted;
    });
    if (count < transcriptsInBite) this.#noOldTranscriptsUntilMs = nowMs + lookAgainMs;
    return count > 0;
  }
}

async function deleteTranscripts(database: Transaction<LedgerTables>, beforeId: string): Promise<number> {
  const old = database
    .selectFrom('transcripts')
    .select('request_id')
    .where('request_id', '<', beforeId)
    .orderBy('request_id')
    .limit(transcriptsInBite);
  const { numDeletedRows } = await database
    .deleteFrom('transcripts')
    .where('request_id', 'in', old)
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

async function foldSome(database: Transaction<LedgerTables>, closedMs: number): Promise<boolean> {
  const kind = await database
    .selectFrom('usage_fold_kinds')
    .select(['fold', 'until_ms'])
    .orderBy('until_ms')
    .orderBy('fold')
    .limit(1)
    .executeTakeFirst();
  if (kind === undefined || kind.until_ms >= closedMs) return false;
  const quarters = database
    .selectFrom('usage_quarters')
    .select('quarter_ms')
    .where('quarter_ms', '<', closedMs)
    .orderBy('quarter_ms')
    .limit(1);
  const first = await quarters.where('quarter_ms', '>=', kind.until_ms).executeTakeFirst();
  let untilMs = closedMs;
  if (first !== undefined) {
    const far = await quarters.where('quarter_ms', '>=', first.quarter_ms).offset(groupsInBite).executeTakeFirst();
    // A quarter is folded as a whole, however large it is.
    if (far !== undefined) untilMs = Math.max(far.quarter_ms, first.quarter_ms + quarterMs);
    await fold(database, kind.fold, first.quarter_ms, untilMs);
  }
  await database.updateTable('usage_fold_kinds').set({ until_ms: untilMs }).where('fold', '=', kind.fold).execute();
  return true;
}

async function fold(database: Transaction<LedgerTables>, number: number, fromMs: number, toMs: number): Promise<void> {
  const columns = (names: readonly string[]): RawBuilder<unknown> => sql.join(names.map((name) => sql.ref(name)));
  const added = sumColumns.map(
    (column) => sql`${sql.ref(column)} = ${sql.ref(`usage_folds.${column}`)} + ${sql.ref(`excluded.${column}`)}`,
  );
  await sql`INSERT INTO usage_folds (${columns([...foldGroupColumns, ...sumColumns])})
    SELECT kind.fold, quarter_ms - quarter_ms % span_ms,
      CASE WHEN has_model THEN model ELSE '' END, CASE WHEN has_model THEN upstream_model ELSE '' END,
      CASE WHEN has_account THEN account_id ELSE '' END, CASE WHEN has_key THEN key_id ELSE '' END,
      ${sql.join(sumColumns.map((column) => sql`SUM(${sql.ref(column)})`))}
    FROM usage_fold_kinds AS kind CROSS JOIN usage_quarters
    WHERE kind.fold = ${number} AND quarter_ms >= ${fromMs} AND quarter_ms < ${toMs}
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (${columns(foldGroupColumns)}) DO UPDATE SET ${sql.join(added)}`.execute(database);
}

/** How many were deleted. */
async function deleteSome(database: Transaction<LedgerTables>, beforeId: string): Promise<number> {
  const old = await database
    .selectFrom('requests')
    .select(['id', 'created_at_ms'])
    // Ids of another form say nothing of their age.
    .where('id', '>=', idsFrom('req', 0))
    .where('id', '<', beforeId)
    .orderBy('id')
    .limit(requestsInBite)
    .execute();
  const [first, last] = [old[0], old.at(-1)];
  if (first === undefined || last === undefined) return 0;
  await database
    .deleteFrom('attempts')
    .where('request_id', '>=', first.id)
    .where('request_id', '<=', last.id)
    .execute();
  await database.deleteFrom('requests').where('id', '>=', first.id).where('id', '<=', last.id).execute();
  const notes = database.selectFrom('notes').select('content').where('name', '=', deletedUntilNote);
  const notedMs = Number((await notes.executeTakeFirst())?.content ?? 0);
  const content = String(Math.max(notedMs, ...old.map((row) => row.created_at_ms + 1)));
  await database
    .insertInto('notes')
    .values({ name: deletedUntilNote, content })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ content }))
    .execute();
  return old.length;
}
