// What client keys have spent: the sums of their requests, and what is still reserved for attempts whose cost nobody knows.
import { sql, type Kysely } from 'kysely';
import type { Period } from '../core/period.ts';
import type { NanoUsd } from '../core/price.ts';
import { idsFrom } from '../lib/id.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { padded } from './padded.ts';
import { endOfTimeMs, periodColumns } from './spending-increments.ts';
import { quarterMs } from './usage-increments.ts';
import { readUsage } from './usage-reports.ts';

/** See `LedgerReports.spending`. */
export async function readSpending(
  database: Kysely<LedgerTables>,
  keyIds: readonly string[],
  fromMs: number,
  lostBeforeMs: number,
): Promise<ReadonlyMap<string, NanoUsd>> {
  const spent = new Map<string, NanoUsd>();
  const add = (keyId: string, nanoUsd: number): unknown => spent.set(keyId, (spent.get(keyId) ?? 0) + nanoUsd);
  const asked = padded(keyIds);
  // Every zone's midnight is a quarter's beginning, and sums by the quarter outlive the requests they were made of.
  const span = { fromMs: Math.floor(fromMs / quarterMs) * quarterMs, toMs: endOfTimeMs };
  // One row more than there can be: then nobody asks whether there are more.
  const query = { span, dimensions: ['key_id'], keyIds: asked } as const;
  for await (const rows of readUsage(database, query, asked.length + 1)) {
    for (const { values, sums } of rows) add(values[0] ?? '', Number(sums.cost_nano_usd));
  }
  // SQLite uses an index with a condition only where the condition is repeated word by word, and keeps the order of a
  // CROSS JOIN: first the few attempts, then their requests.
  const { rows } = await sql<{ readonly key_id: string; readonly reserved: number | string }>`
    SELECT requests.key_id AS key_id, SUM(attempts.reserved_nano_usd) AS reserved
    FROM attempts CROSS JOIN requests
    WHERE attempts.cost_nano_usd IS NULL AND reserved_nano_usd > 0
      AND (attempts.usage_source <> 'none' OR attempts.duration_ms IS NULL)
      AND attempts.request_id >= ${idsFrom('req', fromMs)}
      AND requests.id = attempts.request_id AND requests.key_id IN (${sql.join(asked)})
      AND (attempts.usage_source <> 'none' OR requests.created_at_ms < CAST(${Math.floor(lostBeforeMs)} AS BIGINT))
    GROUP BY requests.key_id`.execute(database);
  for (const { key_id: keyId, reserved } of rows) add(keyId, Number(reserved));
  return spent;
}

/** See `LedgerReports.spendingOfSpool`. */
export async function readSpendingOfSpool(
  database: Kysely<LedgerTables>,
  spool: string,
  keyId: string,
  period: Period,
): Promise<NanoUsd | undefined> {
  const over = database
    .selectFrom('spools')
    .select('spool')
    .where('spool', '=', spool)
    .where('over_at_ms', 'is not', null);
  if ((await over.executeTakeFirst()) === undefined) return undefined;
  const { period_start_ms: startMs, period_end_ms: endMs } = periodColumns(period);
  const row = await database
    .selectFrom('spool_spending')
    .select('nano_usd')
    .where('spool', '=', spool)
    .where('key_id', '=', keyId)
    .where('period_start_ms', '=', startMs)
    .where('period_end_ms', '=', endMs)
    .executeTakeFirst();
  return row?.nano_usd ?? 0;
}
