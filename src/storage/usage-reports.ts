// Usage summed by time and dimension: planned over folds, quarters and ledger rows, and read a few buckets at a time.
import { sql, type Kysely, type RawBuilder } from 'kysely';
import { idsFrom } from '../lib/id.ts';
import type { Span } from '../lib/time-zone.ts';
import {
  DeletedRequestsError,
  type UsageDimension,
  type UsageGroup,
  type UsageQuery,
  type UsageReportRow,
} from './ledger-reports.ts';
import { deletedUntilNote, type LedgerTables } from './ledger-tables.ts';
import { quarterMs, sumColumns } from './usage-increments.ts';
import { planUsage, type FoldKind, type Piece, type Source } from './usage-plan.ts';

/** How many buckets one statement reads at most, and how many times more than the one before. */
const widest = 1000;
const fastestGrowth = 8;

/** See `LedgerReports.usage`. */
export async function* readUsage(
  database: Kysely<LedgerTables>,
  query: UsageQuery,
  enough: number,
): AsyncGenerator<readonly UsageReportRow[]> {
  const span = await spanWithData(database, query.span);
  if (span === undefined) return;
  const kinds = await readKinds(database, query.dimensions);
  let { after } = query;
  const buckets = query.buckets?.({ ...span, fromMs: after?.bucketMs ?? span.fromMs }) ?? [span];
  const rest = Iterator.from(buckets);
  let pending = take(rest, 1);
  let left = enough;
  while (pending.length > 0) {
    const rows = await readBuckets(database, query, pending, kinds, after, left);
    if (rows.length > 0) yield rows;
    left = rows.length < left ? left - rows.length : enough;
    const last = rows.at(-1);
    if (last !== undefined && left === enough) {
      // There may be more of these buckets.
      after = last;
      pending = pending.filter(({ fromMs }) => last.bucketMs === null || fromMs >= last.bucketMs);
    } else {
      after = undefined;
      pending = take(rest, nextWidth(pending.length, rows.length, left));
    }
  }
}

/** So many buckets that they fill what is left, should they be like the ones before. */
function nextWidth(width: number, rows: number, left: number): number {
  const fitting = rows === 0 ? widest : Math.ceil((left * width) / rows);
  return Math.min(fitting, width * fastestGrowth, widest);
}

function take<Item>(iterator: Iterator<Item>, count: number): Item[] {
  const items: Item[] = [];
  while (items.length < count) {
    const { done, value } = iterator.next();
    if (done === true) break;
    items.push(value);
  }
  return items;
}

/** The part of a stretch that has anything in it: nobody counts the days since 1970. */
export async function spanWithData(database: Kysely<LedgerTables>, { fromMs, toMs }: Span): Promise<Span | undefined> {
  const end = (direction: 'asc' | 'desc'): Promise<{ quarter_ms: number } | undefined> =>
    database
      .selectFrom('usage_quarters')
      .select('quarter_ms')
      .orderBy('quarter_ms', direction)
      .limit(1)
      .executeTakeFirst();
  const [first, last] = [await end('asc'), await end('desc')];
  if (first === undefined || last === undefined) return undefined;
  const span = { fromMs: Math.max(fromMs, first.quarter_ms), toMs: Math.min(toMs, last.quarter_ms + quarterMs) };
  return span.fromMs < span.toMs ? span : undefined;
}

/** The kinds of fold that have just these dimensions. */
export async function readKinds(
  database: Kysely<LedgerTables>,
  dimensions: readonly UsageDimension[],
): Promise<readonly FoldKind[]> {
  const rows = await database.selectFrom('usage_fold_kinds').selectAll().execute();
  const hasModel = dimensions.includes('model') || dimensions.includes('upstream_model');
  const hasAccount = dimensions.includes('account_id');
  const hasKey = dimensions.includes('key_id');
  return rows
    .map((row) => ({
      fold: row.fold,
      spanMs: row.span_ms,
      hasModel: Boolean(row.has_model),
      hasAccount: Boolean(row.has_account),
      hasKey: Boolean(row.has_key),
      untilMs: row.until_ms,
    }))
    .filter((kind) => kind.hasModel === hasModel && kind.hasAccount === hasAccount && kind.hasKey === hasKey);
}

async function readBuckets(
  database: Kysely<LedgerTables>,
  { dimensions, buckets, keyIds }: UsageQuery,
  spans: readonly Span[],
  kinds: readonly FoldKind[],
  after: UsageGroup | undefined,
  limit: number,
): Promise<UsageReportRow[]> {
  const sources = planUsage(spans, kinds);
  const keys = buckets === undefined ? dimensions : (['bucket_ms', ...dimensions] as const);
  // One whole has nothing after it.
  if (keys.length === 0 && after !== undefined) return [];
  const keyList = sql.join(keys.map((key) => sql.ref(key)));
  const sums = sumColumns.map((column) => sql`CAST(SUM(${sql.ref(column)}) AS TEXT) AS ${sql.ref(column)}`);
  const afterValues =
    after === undefined ? [] : [...(buckets === undefined ? [] : [whole(after.bucketMs ?? 0)]), ...after.values];
  const { rows } = await sql<Readonly<Record<string, unknown>>>`
    SELECT ${sql.join([...keys.map((key) => sql.ref(key)), ...sums])}
    FROM (${sql.join(
      sources.map((source) => selectSource(source, keyIds)),
      sql` UNION ALL `,
    )}) AS found
    ${afterValues.length === 0 ? sql`` : sql`WHERE (${keyList}) > (${sql.join(afterValues)})`}
    ${keys.length === 0 ? sql`` : sql`GROUP BY ${keyList}`}
    HAVING SUM(requests) <> 0 OR SUM(attempts) <> 0
    ${keys.length === 0 ? sql`` : sql`ORDER BY ${keyList}`}
    LIMIT ${limit}`.execute(database);
  // Read after the rows: nothing that was there then has been deleted since.
  await checkDeleted(database, sources);
  return rows.map((row) => ({
    bucketMs: buckets === undefined ? null : Number(row['bucket_ms']),
    values: dimensions.map((dimension) => row[dimension] as string),
    sums: Object.fromEntries(sumColumns.map((column) => [column, row[column]])) as UsageReportRow['sums'],
  }));
}

/** A whole number whose type every database knows. */
function whole(value: number): RawBuilder<number> {
  return sql<number>`CAST(${value} AS BIGINT)`;
}

/** The rows of a source within its pieces, with the beginning of their bucket. */
function selectSource({ from, pieces }: Source, keyIds: readonly string[] | undefined): RawBuilder<unknown> {
  if (from === 'ledger') return selectLedger(pieces, keyIds);
  const bounds = pieces.map(
    ({ bucketMs, fromMs, toMs }) => sql`(${whole(bucketMs)}, ${whole(fromMs)}, ${whole(toMs)})`,
  );
  const columns = sql.join(
    ['model', 'upstream_model', 'account_id', 'key_id', ...sumColumns].map((column) => sql.ref(`source.${column}`)),
  );
  const [table, start] =
    from === 'quarters' ? [sql`usage_quarters`, sql`source.quarter_ms`] : [sql`usage_folds`, sql`source.start_ms`];
  // SQLite keeps the order of a CROSS JOIN: each piece is one stretch of the table's key.
  return sql`SELECT piece.bucket_ms AS bucket_ms, ${columns}
    FROM (SELECT column1 AS bucket_ms, column2 AS from_ms, column3 AS to_ms FROM (VALUES ${sql.join(bounds)}) AS bounds) AS piece
    CROSS JOIN ${table} AS source
    WHERE ${start} >= piece.from_ms AND ${start} < piece.to_ms
    ${typeof from === 'number' ? sql`AND source.fold = ${whole(from)}` : sql``}
    ${keyIds === undefined ? sql`` : sql`AND source.key_id IN (${sql.join(keyIds)})`}`;
}

/** The same from the rows of requests and attempts: what `UsageIncrements` does, in SQL. */
function selectLedger(pieces: readonly Piece[], keyIds: readonly string[] | undefined): RawBuilder<unknown> {
  const bounds = pieces.map(
    ({ bucketMs, fromMs, toMs }) => sql`(${whole(bucketMs)}, ${idsFrom('req', fromMs)}, ${idsFrom('req', toMs)})`,
  );
  const sums: Readonly<Partial<Record<string, RawBuilder<unknown>>>> = {
    requests: sql`CASE WHEN EXISTS (SELECT 1 FROM attempts AS later WHERE later.request_id = attempt.request_id AND later.n > attempt.n) THEN 0 ELSE 1 END`,
    attempts: sql`CASE WHEN attempt.n IS NULL THEN 0 ELSE 1 END`,
    unpriced_tokens: sql`CASE WHEN attempt.cost_nano_usd IS NULL THEN COALESCE(attempt.total_tokens, 0) ELSE 0 END`,
  };
  const columns = sumColumns.map(
    (column) => sql`${sums[column] ?? sql`COALESCE(${sql.ref(`attempt.${column}`)}, 0)`} AS ${sql.ref(column)}`,
  );
  return sql`SELECT piece.bucket_ms AS bucket_ms, COALESCE(request.model, '') AS model,
      COALESCE(attempt.model, '') AS upstream_model, COALESCE(attempt.account_id, '') AS account_id,
      COALESCE(request.key_id, '') AS key_id, ${sql.join(columns)}
    FROM (SELECT column1 AS bucket_ms, column2 AS from_id, column3 AS to_id FROM (VALUES ${sql.join(bounds)}) AS bounds) AS piece
    CROSS JOIN requests AS request
    LEFT JOIN attempts AS attempt ON attempt.request_id = request.id
    WHERE request.id >= piece.from_id AND request.id < piece.to_id
    ${keyIds === undefined ? sql`` : sql`AND request.key_id IN (${sql.join(keyIds)})`}`;
}

/** Sums alone cannot tell what happened within a quarter of an hour. */
async function checkDeleted(database: Kysely<LedgerTables>, sources: readonly Source[]): Promise<void> {
  const pieces = sources.find(({ from }) => from === 'ledger')?.pieces ?? [];
  if (pieces.length === 0) return;
  const untilMs = await deletedUntilMs(database);
  if (pieces.some(({ fromMs }) => fromMs < untilMs)) throw new DeletedRequestsError(untilMs);
}

/** Requests made before this have been deleted, ms since the epoch; 0 where none have. */
export async function deletedUntilMs(database: Kysely<LedgerTables>): Promise<number> {
  const note = await database
    .selectFrom('notes')
    .select('content')
    .where('name', '=', deletedUntilNote)
    .executeTakeFirst();
  return Number(note?.content ?? 0);
}
