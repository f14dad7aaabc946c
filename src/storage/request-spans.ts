// When requests can have been that fit several filters at once: the sums know in which stretches of time these came together.
import { sql, type Kysely, type RawBuilder } from 'kysely';
import { timeOfId } from '../lib/id.ts';
import type { Span } from '../lib/time-zone.ts';
import type { RequestFilter } from './ledger-reports.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { quarterMs } from './usage-increments.ts';
import type { FoldKind } from './usage-plan.ts';
import { deletedUntilMs, readKinds, spanWithData } from './usage-reports.ts';

/** How many filters the sums know. */
const usageFilters = 3;

/** How many sums one statement looks for at most. */
const widest = 1000;

/** Sums over one length of time. Every quarter of an hour before `untilMs` is in them. */
interface Level {
  readonly table: RawBuilder<unknown>;
  readonly start: RawBuilder<unknown>;
  readonly isKind: RawBuilder<unknown>;
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
  const dimensions = [
    ...(filter.model === undefined ? [] : (['model'] as const)),
    ...(filter.accountId === undefined ? [] : (['account_id'] as const)),
    ...(filter.keyId === undefined ? [] : (['key_id'] as const)),
  ];
  const levels = levelsOf(await readKinds(database, dimensions));
  // For two filters there are sums by the hour, whose rows are read faster than finer sums. For three there are none below the day.
  const quarters = { table: sql`usage_quarters`, start: sql`quarter_ms`, isKind: sql`1 = 1` };
  if (dimensions.length === usageFilters)
    levels.push({ ...quarters, spanMs: quarterMs, untilMs: Number.MAX_SAFE_INTEGER });
  yield* search(database, filter, span, levels);
}

/** The coarsest first: it leaves little for the finer ones to look at. */
function levelsOf(kinds: readonly FoldKind[]): Level[] {
  return kinds
    .toSorted((a, b) => b.spanMs - a.spanMs)
    .map(({ fold, spanMs, untilMs }) => ({
      table: sql`usage_folds`,
      start: sql`start_ms`,
      isKind: sql`fold = CAST(${fold} AS BIGINT)`,
      spanMs,
      untilMs,
    }));
}

async function* search(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
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
  if (summedToMs < toMs) yield* search(database, filter, { fromMs: summedToMs, toMs }, finer);
  for (let endMs = summedToMs; endMs > fromMs;) {
    const beginMs = Math.max(fromMs, Math.floor((endMs - 1) / spanMs) * spanMs - (widest - 1) * spanMs);
    const starts = await startsWithin(database, filter, { fromMs: beginMs, toMs: endMs }, level);
    const spans = starts.map((startMs) => ({
      fromMs: Math.max(startMs, beginMs),
      toMs: Math.min(startMs + spanMs, endMs),
    }));
    for (const span of finer.length === 0 ? joined(spans) : spans) yield* search(database, filter, span, finer);
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
  { model, accountId, keyId }: RequestFilter,
  { fromMs, toMs }: Span,
  { table, start, isKind, spanMs }: Level,
): Promise<number[]> {
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
