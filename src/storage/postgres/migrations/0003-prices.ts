// The administrator's own prices, as a part of the configuration.
import { raiseRevision, text, timestamp } from './columns.ts';

/** In nano-dollars per million tokens: 2500000000 is 2.50 USD. */
const rates = ['input', 'cached_input', 'cache_write', 'output', 'audio_input', 'audio_output'];

/** Larger numbers are not exact any more where they are read. */
const largest = Number.MAX_SAFE_INTEGER;

const rateColumns = [...rates, ...rates.map((rate) => `long_${rate}`)].map(
  (rate) => `${rate}_nano_usd BIGINT
      CONSTRAINT "${rate}_nano_usd must be whole nano-dollars per million tokens" CHECK (${rate}_nano_usd BETWEEN 0 AND ${largest})`,
);

export const name = '0003-prices';

export const statements: readonly string[] = [
  `CREATE TABLE prices (
    id ${text} NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty, nor begin with list_" CHECK (id <> '' AND NOT starts_with(id, 'list_')),
    model ${text} NOT NULL CONSTRAINT "model must not be empty" CHECK (model <> ''),
    provider_id ${text},
    tier ${text} NOT NULL DEFAULT 'default' CONSTRAINT "tier must not be empty" CHECK (tier <> ''),
    effective_from ${text} NOT NULL DEFAULT ${timestamp},
    ${rateColumns.slice(0, rates.length).join(',\n    ')},
    long_over_tokens BIGINT CONSTRAINT "long_over_tokens must be a number of tokens" CHECK (long_over_tokens BETWEEN 1 AND ${largest}),
    ${rateColumns.slice(rates.length).join(',\n    ')},
    note ${text},
    created_at ${text} NOT NULL DEFAULT ${timestamp}
  )`,
  // One price at a time: two with the same beginning would contradict each other.
  "CREATE UNIQUE INDEX prices_by_model ON prices (lower(model), coalesce(provider_id, ''), lower(tier), effective_from)",
  raiseRevision('prices'),
];
