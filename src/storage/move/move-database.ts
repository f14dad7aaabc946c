// Moves an embedded database to PostgreSQL while gateways use it: first the whole, and after the change what came meanwhile.
import type { DatabaseSync } from 'node:sqlite';
import { attemptColumns, requestColumns } from '../ledger-columns.ts';
import type { LedgerAttemptRow, LedgerEntry, LedgerRequestRow } from '../ledger-store.ts';
import { openPostgresLedgerStore } from '../postgres/ledger-store.ts';
import { openDatabase as openPostgres } from '../postgres/open.ts';
import { PostgresPool } from '../postgres/pool.ts';
import { openDatabase as openSqlite } from '../sqlite/open.ts';
import { showAllRequestAccounts } from '../sqlite/request-lists.ts';
import { StorageError } from '../storage.ts';
import { compareTable, copyTable, type TableTally } from './copy-table.ts';
import { listTables } from './table.ts';

const statementLimitMs = 60_000;
const entriesAtOnce = 1000;

/** What was moved: table → its rows, which are the same on both sides. */
export type MoveReport = ReadonlyMap<string, TableTally>;

/**
 * Makes the PostgreSQL database the same as the embedded one was at one moment, and proves it by counts and checksums.
 * The embedded one is only read. Broken off, the next call goes on: what is the same already is not written again.
 * Throws a `StorageError` where a gateway uses the target already, for then its own rows would be lost.
 */
export async function moveDatabase(
  file: string,
  url: string,
  onProgress: (table: string, rows: number) => void,
): Promise<MoveReport> {
  const target = await openTarget(url);
  const source = openSqlite(file);
  try {
    await refuseUsed(target);
    // Everything is read as it is at this moment, whoever writes meanwhile.
    source.exec('BEGIN');
    showAllRequestAccounts(source);
    const tables = listTables(source);
    for (const table of tables) {
      let rows = 0;
      await copyTable(source, target, table, (count) => onProgress(table.name, (rows += count)));
    }
    await setIdentities(target);
    const report = new Map<string, TableTally>();
    for (const table of tables) {
      const tally = await compareTable(source, target, table);
      if (tally.source.digest !== tally.target.digest) {
        throw new StorageError(
          `${table.name} is not the same on both sides: ${tally.source.rows} rows here, ${tally.target.rows} there; somebody else writes to the target`,
        );
      }
      report.set(table.name, tally.source);
    }
    return report;
  } finally {
    source.close();
    await target.close();
  }
}

/**
 * Adds the requests that the embedded database got after it was moved, each with its attempts and its part of the sums;
 * those that are there already count once. Gateways may use both databases. How many were added.
 */
export async function moveRest(file: string, url: string): Promise<number> {
  const target = await openTarget(url);
  const store = await openPostgresLedgerStore(url);
  const source = openSqlite(file);
  try {
    source.exec('BEGIN');
    let added = 0;
    for (const entries of entriesOf(source)) {
      const ids = entries.map(({ request }) => request.id);
      const { rows } = await target.run(
        'SELECT id, duration_ms IS NOT NULL AS is_over FROM requests WHERE id = ANY($1)',
        [ids],
      );
      const isOver = new Map(rows.map((row) => [row['id'], row['is_over']]));
      // What is there without its end is written anew where the end has come since.
      const news = entries.filter(
        ({ request: { id, duration_ms: durationMs } }) =>
          !isOver.has(id) || (isOver.get(id) === false && durationMs !== null),
      );
      if (news.length === 0) continue;
      await store.append({ spool: 'db_move', position: { segment: 0, offsetBytes: 0 }, entries: news });
      added += news.length;
    }
    await store.forget('db_move');
    return added;
  } finally {
    source.close();
    await store.close();
    await target.close();
  }
}

async function openTarget(url: string): Promise<PostgresPool> {
  return new PostgresPool(await openPostgres(url), { size: 1, name: 'aigateway (db move)', statementLimitMs });
}

async function refuseUsed(target: PostgresPool): Promise<void> {
  const { rows } = await target.run(
    `SELECT count(*) AS others FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'aigateway%'`,
  );
  if (Number(rows[0]?.['others']) === 0) return;
  throw new StorageError(
    `a gateway uses the database ${target.address.shown} already; stop it, or add what is new in the old one with --rest`,
  );
}

/** Numbers that the database gives itself go on behind those that were copied. */
async function setIdentities(target: PostgresPool): Promise<void> {
  const { rows } = await target.run(
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'",
  );
  for (const { table_name: table, column_name: column } of rows) {
    await target.run(
      `SELECT setval(pg_get_serial_sequence($1, $2), greatest((SELECT max("${String(column)}") FROM "${String(table)}"), 1))`,
      [table, column],
    );
  }
}

/** The ledger of the embedded database in order, so many requests at a time. */
function* entriesOf(source: DatabaseSync): Generator<LedgerEntry[]> {
  const requests = source.prepare(
    `SELECT ${requestColumns.join(', ')} FROM requests WHERE id > ? ORDER BY id LIMIT ${entriesAtOnce}`,
  );
  const attempts = source.prepare(
    `SELECT ${attemptColumns.join(', ')} FROM attempts WHERE request_id BETWEEN ? AND ? ORDER BY request_id, n`,
  );
  for (let after = ''; ;) {
    const rows = requests.all(after) as unknown as LedgerRequestRow[];
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return;
    const found = attempts.all(first.id, last.id) as unknown as LedgerAttemptRow[];
    const byRequest = Map.groupBy(found, (attempt) => attempt.request_id);
    yield rows.map((request) => ({ request, attempts: byRequest.get(request.id) ?? [] }));
    after = last.id;
  }
}
