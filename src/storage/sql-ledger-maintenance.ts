// Keeps the ledger small and quick to read: folds sums, and deletes old rows. The same SQL for every database, written out: Kysely would take 7 MiB of the ledger's thread.
import { idsFrom } from '../lib/id.ts';
import type { LedgerMaintenance, Retention } from './ledger-maintenance.ts';
import { deletedUntilNote, foldGroupColumns } from './ledger-tables.ts';
import { deleteOldSpending } from './old-spending.ts';
import type { Run } from './plain-sql.ts';
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

/** How long requests wait to be listed where there are few of them. */
const listEveryMs = 60_000;

/** What differs between databases. */
export interface MaintenanceBackend {
  transaction<Result>(work: (run: Run) => Promise<Result>): Promise<Result>;
  /** Keeps all others from writing sums until the end of the transaction; absent where nobody writes beside a transaction. */
  readonly lockSums?: string | undefined;
  /** Lists, within a transaction, the requests that wait for it; false where none does. Absent where none ever waits. */
  readonly listRequests?: (() => boolean) | undefined;
  /** Has what is deleted overwritten until the end of the transaction; absent where the database has its own rules for that. */
  readonly overwrite?: { readonly begin: string; readonly end: string } | undefined;
  close(): Promise<void>;
}

/** The maintenance of an open, migrated database. */
export function sqlLedgerMaintenance(retention: Retention, backend: MaintenanceBackend): LedgerMaintenance {
  return new SqlLedgerMaintenance(retention, backend);
}

class SqlLedgerMaintenance implements LedgerMaintenance {
  readonly #retention: Retention;
  readonly #backend: MaintenanceBackend;
  /** All quarters that end before this are folded. */
  #foldedUntilMs = 0;
  /** When somebody looks again: for requests, for transcripts, and for what gateways have spent. */
  #noOldRequestsUntilMs = 0;
  #noOldTranscriptsUntilMs = 0;
  #noOldSpendingUntilMs = 0;
  #noUnlistedUntilMs = 0;
  #isFoldingFirst = false;

  constructor(retention: Retention, backend: MaintenanceBackend) {
    this.#retention = retention;
    this.#backend = backend;
  }

  async step(nowMs: number): Promise<boolean> {
    // In turns: much to fold keeps nothing from being deleted, nor the other way round.
    this.#isFoldingFirst = !this.#isFoldingFirst;
    try {
      if (await this.#list(nowMs)) return true;
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

  async #list(nowMs: number): Promise<boolean> {
    const { listRequests } = this.#backend;
    if (listRequests === undefined || nowMs < this.#noUnlistedUntilMs) return false;
    const hasListed = await this.#backend.transaction(async () => listRequests());
    this.#noUnlistedUntilMs = nowMs + listEveryMs;
    return hasListed;
  }

  /** Adds some quarters to the fold that is furthest behind; false where none is behind. */
  async #fold(nowMs: number): Promise<boolean> {
    const closedMs = Math.floor((nowMs - lateMs) / quarterMs) * quarterMs;
    if (closedMs <= this.#foldedUntilMs) return false;
    const { lockSums } = this.#backend;
    const isMoreDue = await this.#backend.transaction(async (run) => {
      if (lockSums !== undefined) await run(lockSums);
      return foldSome(run, closedMs);
    });
    if (!isMoreDue) this.#foldedUntilMs = closedMs;
    return isMoreDue;
  }

  async #delete(nowMs: number): Promise<boolean> {
    return (
      (await this.#deleteRequests(nowMs)) ||
      (await this.#deleteTranscripts(nowMs)) ||
      (await this.#deleteSpending(nowMs))
    );
  }

  async #deleteSpending(nowMs: number): Promise<boolean> {
    if (nowMs < this.#noOldSpendingUntilMs) return false;
    const isMoreDue = await this.#backend.transaction((run) => deleteOldSpending(run, nowMs));
    if (!isMoreDue) this.#noOldSpendingUntilMs = nowMs + lookAgainMs;
    return isMoreDue;
  }

  /** Deletes some requests that are too old, the oldest first; their sums stay. False where none is. */
  async #deleteRequests(nowMs: number): Promise<boolean> {
    const { requestsMs } = this.#retention;
    if (requestsMs === null || nowMs < this.#noOldRequestsUntilMs) return false;
    const count = await this.#backend.transaction((run) => deleteSome(run, idsFrom('req', nowMs - requestsMs)));
    if (count < requestsInBite) this.#noOldRequestsUntilMs = nowMs + lookAgainMs;
    return count > 0;
  }

  /** The same for transcripts. */
  async #deleteTranscripts(nowMs: number): Promise<boolean> {
    const { transcriptsMs } = this.#retention;
    if (transcriptsMs === null || nowMs < this.#noOldTranscriptsUntilMs) return false;
    const beforeId = idsFrom('req', nowMs - transcriptsMs);
    const { overwrite } = this.#backend;
    const count = await this.#backend.transaction(async (run) => {
      if (overwrite !== undefined) await run(overwrite.begin);
      const deleted = await deleteTranscripts(run, beforeId);
      if (overwrite !== undefined) await run(overwrite.end);
      return deleted;
    });
    if (count < transcriptsInBite) this.#noOldTranscriptsUntilMs = nowMs + lookAgainMs;
    return count > 0;
  }
}

async function deleteTranscripts(run: Run, beforeId: string): Promise<number> {
  const { changes } = await run(
    `DELETE FROM transcripts WHERE request_id IN
      (SELECT request_id FROM transcripts WHERE request_id < ? ORDER BY request_id LIMIT ${transcriptsInBite})`,
    beforeId,
  );
  return changes;
}

async function foldSome(run: Run, closedMs: number): Promise<boolean> {
  const [kind] = (await run('SELECT fold, until_ms FROM usage_fold_kinds ORDER BY until_ms, fold LIMIT 1')).rows;
  if (kind === undefined) return false;
  const [number, doneMs] = [Number(kind['fold']), Number(kind['until_ms'])];
  if (doneMs >= closedMs) return false;
  const firstMs = await quarterFrom(run, doneMs, closedMs, 0);
  let untilMs = closedMs;
  if (firstMs !== undefined) {
    const farMs = await quarterFrom(run, firstMs, closedMs, groupsInBite);
    // A quarter is folded as a whole, however large it is.
    if (farMs !== undefined) untilMs = Math.max(farMs, firstMs + quarterMs);
    await run(foldQuarters, number, firstMs, untilMs);
  }
  await run('UPDATE usage_fold_kinds SET until_ms = ? WHERE fold = ?', untilMs, number);
  return true;
}

/** The quarter of the sum that comes so many after the first one in this span; undefined where there are not as many. */
async function quarterFrom(run: Run, fromMs: number, toMs: number, offset: number): Promise<number | undefined> {
  const { rows } = await run(
    `SELECT quarter_ms FROM usage_quarters WHERE quarter_ms < ? AND quarter_ms >= ?
      ORDER BY quarter_ms LIMIT 1 OFFSET ${offset}`,
    toMs,
    fromMs,
  );
  return rows[0] && Number(rows[0]['quarter_ms']);
}

/** Adds the quarters of a span to the fold of a number. */
const foldQuarters = `
  INSERT INTO usage_folds (${[...foldGroupColumns, ...sumColumns].join(', ')})
  SELECT kind.fold, quarter_ms - quarter_ms % span_ms,
    CASE WHEN has_model THEN model ELSE '' END, CASE WHEN has_model THEN upstream_model ELSE '' END,
    CASE WHEN has_account THEN account_id ELSE '' END, CASE WHEN has_key THEN key_id ELSE '' END,
    ${sumColumns.map((column) => `SUM(${column})`).join(', ')}
  FROM usage_fold_kinds AS kind CROSS JOIN usage_quarters
  WHERE kind.fold = ? AND quarter_ms >= ? AND quarter_ms < ?
  GROUP BY 1, 2, 3, 4, 5, 6
  ON CONFLICT (${foldGroupColumns.join(', ')})
  DO UPDATE SET ${sumColumns.map((column) => `${column} = usage_folds.${column} + excluded.${column}`).join(', ')}`;

/** How many were deleted. */
async function deleteSome(run: Run, beforeId: string): Promise<number> {
  const { rows: old } = await run(
    `SELECT id, created_at_ms FROM requests WHERE id >= ? AND id < ? ORDER BY id LIMIT ${requestsInBite}`,
    // Ids of another form say nothing of their age.
    idsFrom('req', 0),
    beforeId,
  );
  const [first, last] = [old[0]?.['id'], old.at(-1)?.['id']];
  if (typeof first !== 'string' || typeof last !== 'string') return 0;
  await run('DELETE FROM attempts WHERE request_id >= ? AND request_id <= ?', first, last);
  await run('DELETE FROM requests WHERE id >= ? AND id <= ?', first, last);
  const [note] = (await run('SELECT content FROM notes WHERE name = ?', deletedUntilNote)).rows;
  const untilMs = Math.max(Number(note?.['content'] ?? 0), ...old.map((row) => Number(row['created_at_ms']) + 1));
  await run(
    'INSERT INTO notes (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content',
    deletedUntilNote,
    String(untilMs),
  );
  return old.length;
}
