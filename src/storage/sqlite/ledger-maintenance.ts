// Keeps the ledger of the embedded database small and quick to read. Called in the ledger's own thread, so it may block it.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { idsFrom } from '../../lib/id.ts';
import type { LedgerMaintenance, Retention } from '../ledger-maintenance.ts';
import { deletedUntilNote } from '../ledger-tables.ts';
import { StorageError } from '../storage.ts';
import { quarterMs, sumColumns } from '../usage-increments.ts';
import { openDatabase } from './open.ts';

/** A quarter of an hour is folded so long after its end: what still comes is added to each of its folds, one by one. */
const lateMs = quarterMs;

/** A bite takes about ten milliseconds. */
const groupsInBite = 1500;
const requestsInBite = 250;

/** Where nothing is old enough to be deleted, how long until somebody looks again. */
const lookAgainMs = 60_000;

const groupColumns = ['fold', 'start_ms', 'model', 'upstream_model', 'account_id', 'key_id'];

const statements = {
  nextKind: 'SELECT * FROM usage_fold_kinds ORDER BY until_ms, fold LIMIT 1',
  nextQuarter: 'SELECT min(quarter_ms) AS quarter_ms FROM usage_quarters WHERE quarter_ms >= ? AND quarter_ms < ?',
  farQuarter: `SELECT quarter_ms FROM usage_quarters WHERE quarter_ms >= ? AND quarter_ms < ?
    ORDER BY quarter_ms LIMIT 1 OFFSET ${groupsInBite}`,
  fold: `INSERT INTO usage_folds (${[...groupColumns, ...sumColumns].join(', ')})
    SELECT kind.fold, quarter_ms - quarter_ms % span_ms AS start_ms,
      CASE WHEN has_model THEN model ELSE '' END, CASE WHEN has_model THEN upstream_model ELSE '' END,
      CASE WHEN has_account THEN account_id ELSE '' END, CASE WHEN has_key THEN key_id ELSE '' END,
      ${sumColumns.map((column) => `SUM(${column})`).join(', ')}
    FROM usage_fold_kinds AS kind CROSS JOIN usage_quarters
    WHERE kind.fold = ? AND quarter_ms >= ? AND quarter_ms < ?
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (${groupColumns.join(', ')})
    DO UPDATE SET ${sumColumns.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')}`,
  advance: 'UPDATE usage_fold_kinds SET until_ms = ? WHERE fold = ?',
  oldRequests: `SELECT id, created_at_ms FROM requests WHERE id >= ? AND id < ? ORDER BY id LIMIT ${requestsInBite}`,
  deleteAttempts: 'DELETE FROM attempts WHERE request_id >= ? AND request_id <= ?',
  deleteRequests: 'DELETE FROM requests WHERE id >= ? AND id <= ?',
  readDeleted: 'SELECT content FROM notes WHERE name = ?',
  noteDeleted: 'INSERT OR REPLACE INTO notes (name, content) VALUES (?, ?)',
} as const;

/** Opens the maintenance of a database file. */
export function openSqliteLedgerMaintenance(file: string, retention: Retention): LedgerMaintenance {
  return new SqliteLedgerMaintenance(openDatabase(file), retention);
}

class SqliteLedgerMaintenance implements LedgerMaintenance {
  readonly #database: DatabaseSync;
  readonly #prepared: Readonly<Record<keyof typeof statements, StatementSync>>;
  readonly #retention: Retention;
  /** All quarters that end before this are folded. */
  #foldedUntilMs = 0;
  #nothingOldUntilMs = 0;
  #isFoldingNext = true;

  constructor(database: DatabaseSync, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
    this.#prepared = Object.fromEntries(
      Object.entries(statements).map(([name, sql]) => [name, database.prepare(sql)]),
    ) as Record<keyof typeof statements, StatementSync>;
  }

  async step(nowMs: number): Promise<boolean> {
    // In turns: much to fold keeps nothing from being deleted, nor the other way round.
    this.#isFoldingNext = !this.#isFoldingNext;
    try {
      const done = this.#isFoldingNext
        ? this.#fold(nowMs) || this.#delete(nowMs)
        : this.#delete(nowMs) || this.#fold(nowMs);
      return done;
    } catch (error) {
      throw new StorageError(`the ledger could not be tidied: ${(error as Error).message}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  /** Adds some quarters to the fold that is furthest behind; false where none is behind. */
  #fold(nowMs: number): boolean {
    const closedMs = Math.floor((nowMs - lateMs) / quarterMs) * quarterMs;
    if (closedMs <= this.#foldedUntilMs) return false;
    const isFolded = this.#inTransaction(() => {
      const kind = this.#prepared.nextKind.get();
      if (kind === undefined || Number(kind['until_ms']) >= closedMs) return true;
      const first = this.#prepared.nextQuarter.get(Number(kind['until_ms']), closedMs)?.['quarter_ms'] ?? null;
      let untilMs = closedMs;
      if (first !== null) {
        const fromMs = Number(first);
        const far = this.#prepared.farQuarter.get(fromMs, closedMs)?.['quarter_ms'];
        if (far !== undefined) untilMs = Math.max(Number(far), fromMs + quarterMs);
        this.#prepared.fold.run(Number(kind['fold']), fromMs, untilMs);
      }
      this.#prepared.advance.run(untilMs, Number(kind['fold']));
      return false;
    });
    if (isFolded) this.#foldedUntilMs = closedMs;
    return !isFolded;
  }

  /** Deletes some requests that are too old, the oldest first; their sums stay. False where none is. */
  #delete(nowMs: number): boolean {
    const { requestsMs } = this.#retention;
    if (requestsMs === null || nowMs < this.#nothingOldUntilMs) return false;
    const before = idsFrom('req', nowMs - requestsMs);
    const count = this.#inTransaction(() => {
      const old = this.#prepared.oldRequests.all(idsFrom('req', 0), before);
      const ends = [old[0], old.at(-1)].map((row) => String(row?.['id']));
      if (old.length === 0) return 0;
      this.#prepared.deleteAttempts.run(...ends);
      this.#prepared.deleteRequests.run(...ends);
      const noted = Number(this.#prepared.readDeleted.get(deletedUntilNote)?.['content'] ?? 0);
      const untilMs = Math.max(noted, ...old.map((row) => Number(row['created_at_ms']) + 1));
      this.#prepared.noteDeleted.run(deletedUntilNote, String(untilMs));
      return old.length;
    });
    if (count < requestsInBite) this.#nothingOldUntilMs = nowMs + lookAgainMs;
    return count > 0;
  }

  #inTransaction<Result>(work: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}
