// When requests can have been that fit several filters at once: the sums know in which stretches of time these came together.
import { sql, type Kysely, type RawBuilder } from 'kysely';
import { timeOfId } from '../lib/id.ts';
import type { Span } from '../lib/time-zone.ts';
import type { RequestFilter } from './ledger-reports.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { quarterMs } from './usage-increments.ts';
import { deletedUntilMs, readKinds, spanWithData } from './usage-reports.ts';

/** How many sums one statement looks for at most. */
const widest = 1000;

/** Sums over one length of time. Every quarter of an hour before `untilMs` is in them. */
interface Level {
  readonly table: RawBuilder<unknown>;
  readonly start: RawBuilder<unknown>;
  readonly isKind: RawBuilder<unknown>;
  /** What of the filter these sums tell apart. */
  readonly group: RequestFilter;
  readonly spanMs: number;
  readonly untilMs: number;
}

/**
 * The stretches of time, the newest first, outside of which no request before `beforeId` fits the filter. An index per
 * combination would say the same, but be written with each request. Undefined where a single index leads to what fits:
 * of one filter, or of what has failed, which is rare.
 */
export function spansOf(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
  beforeId: string | undefined,
): AsyncGenerator<Span> | undefined {
  const given = [filter.model, filter.accountId, filter.keyId].filter((value) => value !== undefined);
  const isRare = filter.outcome !== undefined && filter.outcome !== 'ok';
  return given.length < 2 || isRare ? undefined : findSpans(database, filter, beforeId);
}

async function* findSpans(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
  beforeId: string | undefined,
): AsyncGenerator<Span> {
  const beforeMs = beforeId === undefined ? undefined : timeOfId(beforeId);
  const span = await spanWithData(database, {
    // What is deleted leaves its sums behind.
    fromMs: Math.max(filter.fromMs ?? 0, await deletedUntilMs(database)),
    toMs: Math.min(filter.toMs ?? Infinity, beforeMs === undefined ? Infinity : beforeMs + 1),
  });
  if (span === undefined) return;
  yield* search(database, span, await levelsOf(database, filter));
}

/** The coarsest first: it leaves little for the finer ones to look at. */
async function levelsOf(database: Kysely<LedgerTables>, filter: RequestFilter): Promise<Level[]> {
  const { model, accountId, keyId } = filter;
  const levels = await foldsOf(database, filter);
  if (model === undefined || accountId === undefined || keyId === undefined) return levels;
  // Of all three there are no sums between the day and the quarter of an hour. Those of account and key are found in one look.
  const finestMs = levels.at(-1)?.spanMs ?? Infinity;
  const pairs = await foldsOf(database, { accountId, keyId });
  const quarters = { table: sql`usage_quarters`, start: sql`quarter_ms`, isKind: sql`1 = 1`, group: filter };
  return [
    ...levels,
    ...pairs.filter(({ spanMs }) => spanMs < finestMs),
    { ...quarters, spanMs: quarterMs, untilMs: Number.MAX_SAFE_INTEGER },
  ];
}

async function foldsOf(database: Kysely<LedgerTables>, group: RequestFilter): Promise<Level[]> {
  const kinds = await readKinds(database, [
    ...(group.model === undefined ? [] : (['model'] as const)),
    ...(group.accountId === undefined ? [] : (['account_id'] as const)),
    ...(group.keyId === undefined ? [] : (['key_id'] as const)),
  ]);
  return kinds
    .toSorted((a, b) => b.spanMs - a.spanMs)
    .map(({ fold, spanMs, untilMs }) => ({
      table: sql`usage_folds`,
      start: sql`start_ms`,
      isKind: sql`fold = CAST(${fold} AS BIGINT)`,
      group,
      spanMs,
      untilMs,
    }));
}

async function* search(
  database: Kysely<LedgerTables>,
  { fromMs, toMs }: Span,
  [level, ...finer]: readonly Level[],
): AsyncGenerator<Span> {
  if (level === undefined) {
    yield { fromMs, toMs };
    return;
  }
  const { spanMs, untilMs } = level;
  // What these sums do not hold yet may have anything in it.
  const summedToMs = Math.max(Math.min(toMs, untilMs), fromMs);
  if (summedToMs < toMs) yield* search(database, { fromMs: summedToMs, toMs }, finer);
  for (let endMs = summedToMs; endMs > fromMs;) {
    const beginMs = Math.max(fromMs, Math.floor((endMs - 1) / spanMs) * spanMs - (widest - 1) * spanMs);
    const starts = await startsWithin(database, { fromMs: beginMs, toMs: endMs }, level);
    const spans = starts.map((startMs) => ({
      fromMs: Math.max(startMs, beginMs),
      toMs: Math.min(startMs + spanMs, endMs),
    }));
    for (const span of finer.length === 0 ? joined(spans) : spans) yield* search(database, span, finer);
    endMs = beginMs;
  }
}

/** What follows upon each other becomes one. The newest come first. */
function joined(spans: readonly Span[]): Span[] {
  const whole: Span[] = [];
  for (const { fromMs, toMs } of spans) {
    const later = whole.at(-1);
    if (later?.fromMs === toMs) whole[whole.length - 1] = { fromMs, toMs: later.toMs };
    else whole.push({ fromMs, toMs });
  }
  return whole;
}

/** The beginnings of the sums that touch the span and are of the filter's group, the newest first. */
async function startsWithin(
  database: Kysely<LedgerTables>,
  { fromMs, toMs }: Span,
  { table, start, isKind, group, spanMs }: Level,
): Promise<number[]> {
  const { model, accountId, keyId } = group;
  const starts: RawBuilder<unknown>[] = [];
  for (let atMs = fromMs - (fromMs % spanMs); atMs < toMs; atMs += spanMs) starts.push(sql`CAST(${atMs} AS BIGINT)`);
  // Each of these is one look into the table's key. '' stands in what a kind does not tell apart.
  const { rows } = await sql<{ readonly start_ms: number }>`
    SELECT DISTINCT ${start} AS start_ms FROM ${table}
    WHERE ${isKind} AND ${start} IN (${sql.join(starts)}) AND model = ${model ?? ''}
    ${model === undefined ? sql`AND upstream_model = ''` : sql``}
    AND account_id = ${accountId ?? ''} AND key_id = ${keyId ?? ''}`.execute(database);
  return rows.map(({ start_ms }) => start_ms).sort((a, b) => b - a);
}
