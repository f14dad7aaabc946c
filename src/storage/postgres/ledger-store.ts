// The writing side of the ledger on PostgreSQL: a batch is one short transaction, and several gateways write at once.
import { setTimeout as wait } from 'node:timers/promises';
import { attemptColumns, groupColumns, requestColumns } from '../ledger-columns.ts';
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
import { PostgresPool, type PostgresTurn } from './pool.ts';
import { isLostToAnother } from './problems.ts';

/** Nobody waits for the ledger: a slow database may take its time. */
const statementLimitMs = 10_000;

/** How often a batch is tried that another transaction was in the way of. */
const attemptsAtBatch = 5;
const pauseMs = 50;

/** All rows come as one parameter, in JSON: a statement has one text, however many they are. */
function insert(table: string, columns: readonly string[]): string {
  const names = columns.join(', ');
  return `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1::json)`;
}

function takingOver(columns: readonly string[]): string {
  return `DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')}`;
}

const statements = {
  insertRequests: `${insert('requests', requestColumns)} ON CONFLICT (id) DO NOTHING RETURNING id`,
  replaceRequests: `${insert('requests', requestColumns)} ON CONFLICT (id) ${takingOver(requestColumns)}`,
  putAttempts: `${insert('attempts', attemptColumns)} ON CONFLICT (request_id, n) ${takingOver(attemptColumns)}`,
  lockOpenRequests: `SELECT ${requestColumns.join(', ')} FROM requests
    WHERE id = ANY($1) AND duration_ms IS NULL ORDER BY id FOR UPDATE`,
  readAttempts: `SELECT ${attemptColumns.join(', ')} FROM attempts WHERE request_id = ANY($1) ORDER BY request_id, n`,
  // The rows come in the order of their key from everybody, so nobody waits in a circle.
  addUsage: `${insert('usage_quarters', [...groupColumns, ...sumColumns])} ON CONFLICT (${groupColumns.join(', ')})
    DO UPDATE SET ${sumColumns.map((column) => `${column} = usage_quarters.${column} + excluded.${column}`).join(', ')}`,
  addSpending: `INSERT INTO spool_spending (spool, ${spendingColumns.join(', ')})
    SELECT $2, ${spendingColumns.join(', ')} FROM json_populate_recordset(NULL::spool_spending, $1::json)
    ON CONFLICT (spool, key_id, period_start_ms, period_end_ms)
    DO UPDATE SET nano_usd = spool_spending.nano_usd + excluded.nano_usd`,
  conclude: `INSERT INTO spools (spool, segment, offset_bytes, over_at_ms) VALUES ($1, 0, 0, $2)
    ON CONFLICT (spool) ${takingOver(['over_at_ms'])}`,
  readPosition: 'SELECT segment, offset_bytes FROM spools WHERE spool = $1',
  writePosition: `INSERT INTO spools (spool, segment, offset_bytes) VALUES ($1, $2, $3)
    ON CONFLICT (spool) ${takingOver(['segment', 'offset_bytes'])}`,
  keepTranscripts: `${insert('transcripts', transcriptColumns)}
    WHERE key_id IN (SELECT id FROM client_keys WHERE keeps_transcripts) ON CONFLICT (request_id) DO NOTHING`,
  forget: 'DELETE FROM spools WHERE spool = $1',
} as const;

/** Opens the writing side: one connection, the maintenance included. Rejects with a `StorageError` where the database cannot be used. */
export async function openPostgresLedgerStore(url: string): Promise<LedgerStore> {
  const address = await openDatabase(url);
  return new PostgresLedgerStore(new PostgresPool(address, { size: 1, name: 'aigateway (ledger)', statementLimitMs }));
}

class PostgresLedgerStore implements LedgerStore {
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  async position(spool: string): Promise<SpoolPosition> {
    const { rows } = await this.#pool.run(statements.readPosition, [spool]);
    return { segment: Number(rows[0]?.['segment'] ?? 0), offsetBytes: Number(rows[0]?.['offset_bytes'] ?? 0) };
  }

  async append({ spool, more, ...first }: LedgerBatch): Promise<void> {
    const parts: LedgerPart[] = [];
    for (let part: LedgerPart | undefined = first; part !== undefined; part = more?.()) parts.push(part);
    const { position } = parts.at(-1) ?? first;
    const latest = latestOfEach(parts.flatMap(({ entries }) => entries));
    for (let n = 1; ; n += 1) {
      try {
        await this.#pool.inTransaction(async (turn) => {
          if (latest.length > 0) await appendEntries(turn, spool, latest);
          await turn.run(statements.writePosition, [spool, position.segment, position.offsetBytes]);
        });
        return;
      } catch (error) {
        if (n === attemptsAtBatch || !isLostToAnother(error)) throw asLedgerError(error);
        await wait(pauseMs * n * Math.random());
      }
    }
  }

  async keepTranscripts(rows: readonly TranscriptRow[]): Promise<void> {
    await this.#pool.run(statements.keepTranscripts, [rowsAsJson(rows)]);
  }

  async conclude(spool: string, nowMs: number): Promise<void> {
    await this.#pool.run(statements.conclude, [spool, Math.floor(nowMs)]);
  }

  async forget(spool: string): Promise<void> {
    await this.#pool.run(statements.forget, [spool]);
  }

  async openMaintenance(retention: Retention): Promise<LedgerMaintenance> {
    // Loaded when it is needed: a start has no use for it.
    const { postgresLedgerMaintenance } = await import('./ledger-maintenance.ts');
    return postgresLedgerMaintenance(this.#pool, retention);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

async function appendEntries(turn: PostgresTurn, spool: string, entries: readonly LedgerEntry[]): Promise<void> {
  const increments = new UsageIncrements();
  const spending = new SpendingIncrements();
  const inserted = await turn.run(statements.insertRequests, [rowsAsJson(entries.map(({ request }) => request))]);
  const news = new Set(inserted.rows.map((row) => row['id']));
  const known = entries.filter(({ request }) => !news.has(request.id));
  const open = known.length === 0 ? [] : await takeOpen(turn, known);
  for (const entry of open) {
    increments.add(entry, -1);
    spending.add(entry, -1);
  }
  const openIds = new Set(open.map(({ request }) => request.id));
  const replacing = known.filter(({ request }) => openIds.has(request.id));
  if (replacing.length > 0)
    await turn.run(statements.replaceRequests, [rowsAsJson(replacing.map(({ request }) => request))]);

  const written = entries.filter(({ request }) => news.has(request.id) || openIds.has(request.id));
  for (const entry of written) {
    increments.add(entry);
    spending.add(entry);
  }
  const attempts = written.flatMap((entry) => entry.attempts);
  if (attempts.length > 0) await turn.run(statements.putAttempts, [rowsAsJson(attempts)]);
  const sums = increments.list();
  if (sums.length > 0) await turn.run(statements.addUsage, [rowsAsJson(sums)]);
  const spent = spending.list();
  if (spent.length > 0) await turn.run(statements.addSpending, [rowsAsJson(spent), spool]);
}

/** Those of the entries that are in the database without an end, as they are there; locked until the end of the transaction. */
async function takeOpen(turn: PostgresTurn, known: readonly LedgerEntry[]): Promise<LedgerEntry[]> {
  const found = await turn.run(statements.lockOpenRequests, [known.map(({ request }) => request.id)]);
  const requests = found.rows as unknown as LedgerRequestRow[];
  if (requests.length === 0) return [];
  const { rows } = await turn.run(statements.readAttempts, [requests.map(({ id }) => id)]);
  const attempts = Map.groupBy(rows as unknown as LedgerAttemptRow[], (row) => row.request_id);
  const periods = new Map(known.map(({ request, period }) => [request.id, period]));
  return requests.map((request) => ({
    request,
    period: periods.get(request.id) ?? null,
    attempts: attempts.get(request.id) ?? [],
  }));
}

/** A request may be in a batch twice, without its end and with it; in order of id. */
function latestOfEach(entries: readonly LedgerEntry[]): LedgerEntry[] {
  const latest = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    const before = latest.get(entry.request.id);
    if (before === undefined || before.request.duration_ms === null) latest.set(entry.request.id, entry);
  }
  return [...latest.values()].sort((a, b) => (a.request.id < b.request.id ? -1 : 1));
}

/** PostgreSQL refuses NUL and halves of characters in texts, and one such text must not hold back all that follow. */
function rowsAsJson(rows: readonly object[]): string {
  return JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value,
  );
}

function asLedgerError(error: unknown): StorageError {
  return new StorageError(`the ledger could not be written: ${(error as Error).message}`, { cause: error });
}
