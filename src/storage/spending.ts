// What a client key has spent: the sums of its requests, and what is still reserved for attempts whose cost nobody knows.
import { sql, type Kysely } from 'kysely';
import type { NanoUsd } from '../core/price.ts';
import { idsFrom } from '../lib/id.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { quarterMs } from './usage-increments.ts';
import { readUsage } from './usage-reports.ts';

/** The latest time that can be asked for. */
const endOfTimeMs = Date.UTC(9999, 0);

/** See `LedgerReports.spending`. */
export async function readSpending(
  database: Kysely<LedgerTables>,
  keyId: string,
  fromMs: number,
  lostBeforeMs: number,
): Promise<NanoUsd> {
  // Every zone's midnight is a quarter's beginning, and sums by the quarter outlive the requests they were made of.
  const span = { fromMs: Math.floor(fromMs / quarterMs) * quarterMs, toMs: endOfTimeMs };
  let spent = 0;
  for await (const rows of readUsage(database, { span, dimensions: ['key_id'], keyId }, 1)) {
    for (const { sums } of rows) spent += Number(sums.cost_nano_usd);
  }
  // SQLite uses an index with a condition only where the condition is repeated word by word, and keeps the order of a
  // CROSS JOIN: first the few attempts, then their requests.
  const { rows } = await sql<{ readonly reserved: number | string | null }>`
    SELECT SUM(attempts.reserved_nano_usd) AS reserved
    FROM attempts CROSS JOIN requests
    WHERE attempts.cost_nano_usd IS NULL AND reserved_nano_usd > 0
      AND (attempts.usage_source <> 'none' OR attempts.duration_ms IS NULL)
      AND attempts.request_id >= ${idsFrom('req', fromMs)}
      AND requests.id = attempts.request_id AND requests.key_id = ${keyId}
      AND (attempts.usage_source <> 'none' OR requests.created_at_ms < CAST(${Math.floor(lostBeforeMs)} AS BIGINT))`.execute(
    database,
  );
  return spent + Number(rows[0]?.reserved ?? 0);
}
