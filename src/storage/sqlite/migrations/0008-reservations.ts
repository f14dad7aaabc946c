// What was reserved for an attempt of its client key's budget: it counts as spent as long as the cost is not known.

export const name = '0008-reservations';

export const statements: readonly string[] = [
  'ALTER TABLE attempts ADD COLUMN reserved_nano_usd INTEGER',
  // The very condition of the query that reads it (spending.ts), so that it leads to these few and to no others.
  `CREATE INDEX attempts_reserved ON attempts (request_id)
    WHERE cost_nano_usd IS NULL AND reserved_nano_usd > 0 AND (usage_source <> 'none' OR duration_ms IS NULL)`,
];
