// What each gateway has spent of the budgets, by its spool, and which gateways are over: money that a killed one had in hand is given back by it.
import { text } from './columns.ts';

export const name = '0010-gateway-spending';

export const statements: readonly string[] = [
  // Null while the gateway runs, or while nobody has taken its spool over.
  'ALTER TABLE spools ADD COLUMN over_at_ms BIGINT',
  `CREATE TABLE spool_spending (
    spool ${text} NOT NULL,
    key_id ${text} NOT NULL,
    period_start_ms BIGINT NOT NULL,
    period_end_ms BIGINT NOT NULL,
    nano_usd BIGINT NOT NULL,
    PRIMARY KEY (spool, key_id, period_start_ms, period_end_ms)
  ) WITH (fillfactor = 70)`,
  'CREATE INDEX spool_spending_by_end ON spool_spending (period_end_ms)',
];
