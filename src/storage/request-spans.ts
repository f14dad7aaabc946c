// When requests can have been that fit several filters at once: the sums know in which stretches of time these came together.
import { sql, type Kysely, type RawBuilder } from 'kysely';
import { timeOfId } from '../lib/id.ts';
import type { Span } from '../lib/time-zone.ts';
import type { RequestFilter } from './ledger-reports.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { quarterMs } from './usage-increments.ts';
import { deletedUntilMs, readKinds, spanWithData } from './usage-reports.ts';

/** How many sums one statement looks for: few at first, because the newest requests are often all that is wanted. */
const narrowest = 50;
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
  yield* search(database, [span], await levelsOf(database, filter));
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

/** Looks through spans, the newest first, as many of them with one statement as it may be wide. */
async function* search(
  database: Kysely<LedgerTables>,
  spans: readonly Span[],
  [level, ...finer]: readonly Level[],
): AsyncGenerator<Span> {
  if (level === undefined) {
    yield* joined(spans);
    return;
  }
  let batch: Span[] = [];
  let looks = 0;
  let width = narrowest;
  for (const { fromMs, toMs } of spans) {
    // What these sums do not hold yet may have anything in it.
    const summedToMs = Math.max(Math.min(toMs, level.untilMs), fromMs);
    if (summedToMs < toMs) {
      yield* lookUp(database, batch, level, finer);
      [batch, looks] = [[], 0];
      yield* search(database, [{ fromMs: summedToMs, toMs }], finer);
    }
    for (const piece of cut({ fromMs, toMs: summedToMs }, level.spanMs)) {
      const more = sumsOf(piece, level.spanMs).length;
      if (looks > 0 && looks + more > width) {
        yield* lookUp(database, batch, level, finer);
        [batch, looks] = [[], 0];
        width = Math.min(2 * width, widest);
      }
      batch.push(piece);
      looks += more;
    }
  }
  yield* lookUp(database, batch, level, finer);
}

/** Searches on where there are sums in the spans, the newest first. */
async function* lookUp(
  database: Kysely<LedgerTables>,
  spans: readonly Span[],
  level: Level,
  finer: readonly Level[],
): AsyncGenerator<Span> {
  if (spans.length === 0) return;
  const { spanMs } = level;
  const asked = new Set(spans.flatMap((span) => sumsOf(span, spanMs)));
  const found = await startsAmong(database, [...asked], level);
  const within = spans.flatMap((span) =>
    sumsOf(span, spanMs)
      .filter((startMs) => found.has(startMs))
      .toReversed()
      .map((startMs) => ({
        fromMs: Math.max(startMs, span.fromMs),
        toMs: Math.min(startMs + spanMs, span.toMs),
      })),
  );
  yield* search(database, within, finer);
}

/** The beginnings of the sums that touch a span. */
function sumsOf({ fromMs, toMs }: Span, spanMs: number): number[] {
  const starts: number[] = [];
  for (let atMs = fromMs - (fromMs % spanMs); atMs < toMs; atMs += spanMs) starts.push(atMs);
  return starts;
}

/** A span in pieces that are no wider than a statement may be, the newest first. */
function cut({ fromMs, toMs }: Span, spanMs: number): Span[] {
  const pieces: Span[] = [];
  for (let endMs = toMs; endMs > fromMs;) {
    const beginMs = Math.max(fromMs, Math.floor((endMs - 1) / spanMs) * spanMs - (widest - 1) * spanMs);
    pieces.push({ fromMs: beginMs, toMs: endMs });
    endMs = beginMs;
  }
  return pieces;
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

/** Which sums that begin at these times are there and of the filter's group. */
async function startsAmong(
  database: Kysely<LedgerTables>,
  starts: readonly number[],
  { table, start, isKind, group }: Level,
): Promise<ReadonlySet<number>> {
  const { model, accountId, keyId } = group;
  const asked = starts.map((startMs) => sql`CAST(${startMs} AS BIGINT)`);
  // Each of these is one look into the table's key. '' stands in what a kind does not tell apart.
  const { rows } = await sql<{ readonly start_ms: number }>`
    SELECT DISTINCT ${start} AS start_ms FROM ${table}
    WHERE ${isKind} AND ${start} IN (${sql.join(asked)}) AND model = ${model ?? ''}
    ${model === undefined ? sql`AND upstream_model = ''` : sql``}
    AND account_id = ${accountId ?? ''} AND key_id = ${keyId ?? ''}`.execute(database);
  return new Set(rows.map(({ start_ms }) => start_ms));
}
