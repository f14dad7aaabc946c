// What attempts used and cost, by day, account and model as it was sent to the provider: our side of a reconciliation.
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { OurSums } from '../core/books.ts';
import { idsFrom } from '../lib/id.ts';
import type { Span } from '../lib/time-zone.ts';
import { DeletedRequestsError } from './ledger-reports.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { deletedUntilMs } from './usage-reports.ts';

const dayMs = 86_400_000;

/** An attempt may begin so long after its request came. */
const longestWaitMs = 3 * 3_600_000;

/** An id is made a little before or after its row's own time. */
const idSlackMs = 60_000;

/** See `LedgerReports.attemptSums`. A day at a time, so that no statement runs for long. */
export async function attemptSums(database: Kysely<LedgerTables>, { fromMs, toMs }: Span): Promise<OurSums[]> {
  const untilMs = await deletedUntilMs(database);
  if (fromMs < untilMs) throw new DeletedRequestsError(untilMs);
  const sums: OurSums[] = [];
  for (let startMs = fromMs; startMs < toMs; startMs += dayMs) sums.push(...(await sumsOfDay(database, startMs)));
  return sums;
}

/** PostgreSQL gives sums as texts. */
type SumValue = number | string;

const hasTokens = sql<boolean>`usage_source <> 'none'`;
const isOver = sql<boolean>`outcome <> 'unknown' AND duration_ms IS NOT NULL`;
const isGood = sql<boolean>`status >= 200 AND status < 300`;

/** How many of the rows a condition is true of. */
function countOf(condition: RawBuilder<boolean>): RawBuilder<SumValue> {
  return sql<SumValue>`SUM(CASE WHEN ${condition} THEN 1 ELSE 0 END)`;
}

async function sumsOfDay(database: Kysely<LedgerTables>, startMs: number): Promise<OurSums[]> {
  const endMs = startMs + dayMs;
  const isOverMidnight = sql<boolean>`${hasTokens} AND duration_ms IS NOT NULL AND started_at_ms + duration_ms >= ${sql.lit(endMs)}`;
  const rows = await database
    .selectFrom('attempts')
    .where('request_id', '>=', idsFrom('req', startMs - longestWaitMs))
    .where('request_id', '<', idsFrom('req', endMs + idSlackMs))
    .where('started_at_ms', '>=', startMs)
    .where('started_at_ms', '<', endMs)
    .groupBy(['account_id', 'provider_id', 'model'])
    .orderBy('account_id')
    .orderBy('provider_id')
    .orderBy('model')
    .select(({ fn }) => [
      'account_id',
      'provider_id',
      'model',
      countOf(hasTokens).as('requests'),
      fn.sum<SumValue>('prompt_tokens').as('input'),
      fn.sum<SumValue>('cached_tokens').as('cached'),
      fn.sum<SumValue>('completion_tokens').as('output'),
      sql<SumValue>`SUM(COALESCE(cost_nano_usd, 0))`.as('nano_usd'),
      countOf(sql`${hasTokens} AND cost_nano_usd IS NULL AND total_tokens > 0`).as('unpriced'),
      countOf(sql`usage_source = 'estimated'`).as('estimated'),
      countOf(sql`NOT (${isOver})`).as('unknown_end'),
      countOf(sql`NOT (${hasTokens}) AND ${isOver} AND ${isGood}`).as('without_usage'),
      // No connection, no bill.
      countOf(
        sql`NOT (${hasTokens}) AND ${isOver} AND status IS NULL AND COALESCE(failure, '') <> 'connect_timeout'`,
      ).as('unanswered'),
      countOf(isOverMidnight).as('over_midnight'),
      sql<SumValue>`SUM(CASE WHEN ${isOverMidnight} THEN prompt_tokens ELSE 0 END)`.as('over_midnight_input'),
      sql<SumValue>`SUM(CASE WHEN ${isOverMidnight} THEN completion_tokens ELSE 0 END)`.as('over_midnight_output'),
    ])
    .execute();
  return rows.map((row) => ({
    dayMs: startMs,
    accountId: row.account_id,
    providerId: row.provider_id,
    model: row.model,
    requests: Number(row.requests),
    inputTokens: Number(row.input),
    cachedTokens: Number(row.cached),
    outputTokens: Number(row.output),
    nanoUsd: Number(row.nano_usd),
    unpriced: Number(row.unpriced),
    estimated: Number(row.estimated),
    unknownEnd: Number(row.unknown_end),
    withoutUsage: Number(row.without_usage),
    unanswered: Number(row.unanswered),
    overMidnight: Number(row.over_midnight),
    overMidnightInput: Number(row.over_midnight_input),
    overMidnightOutput: Number(row.over_midnight_output),
  }));
}
