// The end of what each gateway has spent: nobody asks for it once the budget's period is over, nor long after the gateway.
import type { Run } from './plain-sql.ts';

/** Requests of a period may end after it. */
const afterPeriodMs = 86_400_000;
/** Those that share limits forget what a gateway held after so long. */
const afterGatewayMs = 35 * 86_400_000;
const rowsInBite = 1000;
const spoolsInBite = 10;

/** Deletes some of it; true where there may be more. */
export async function deleteOldSpending(run: Run, nowMs: number): Promise<boolean> {
  const ended = await run(
    `DELETE FROM spool_spending WHERE (spool, key_id, period_start_ms, period_end_ms) IN
      (SELECT spool, key_id, period_start_ms, period_end_ms FROM spool_spending WHERE period_end_ms < ? LIMIT ${rowsInBite})`,
    Math.floor(nowMs - afterPeriodMs),
  );
  if (ended.changes > 0) return true;
  const { rows } = await run(
    `SELECT spool FROM spools WHERE over_at_ms < ? LIMIT ${spoolsInBite}`,
    Math.floor(nowMs - afterGatewayMs),
  );
  for (const { spool } of rows) {
    await run('DELETE FROM spool_spending WHERE spool = ?', String(spool));
    await run('DELETE FROM spools WHERE spool = ?', String(spool));
  }
  return rows.length > 0;
}
