// The administrator's own prices, as a part of the configuration.

/** In nano-dollars per million tokens: 2500000000 is 2.50 USD. */
const rates = ['input', 'cached_input', 'cache_write', 'output', 'audio_input', 'audio_output'];

/** Larger numbers are not exact any more where they are read. */
const largest = Number.MAX_SAFE_INTEGER;

const rateColumns = [...rates, ...rates.map((rate) => `long_${rate}`)].map(
  (rate) => `${rate}_nano_usd INTEGER
      CONSTRAINT "${rate}_nano_usd must be whole nano-dollars per million tokens" CHECK (${rate}_nano_usd IS NULL OR (typeof(${rate}_nano_usd) = 'integer' AND ${rate}_nano_usd BETWEEN 0 AND ${largest}))`,
);

const timestamp = "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";

export const name = '0003-prices';

export const statements: readonly string[] = [
  `CREATE TABLE prices (
    id TEXT NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty, nor begin with list_" CHECK (id <> '' AND id NOT LIKE 'list\\_%' ESCAPE '\\'),
    model TEXT NOT NULL COLLATE NOCASE CONSTRAINT "model must not be empty" CHECK (model <> ''),
    provider_id TEXT,
    tier TEXT NOT NULL DEFAULT 'default' COLLATE NOCASE CONSTRAINT "tier must not be empty" CHECK (tier <> ''),
    effective_from TEXT NOT NULL DEFAULT ${timestamp},
    ${rateColumns.slice(0, rates.length).join(',\n    ')},
    long_over_tokens INTEGER CONSTRAINT "long_over_tokens must be a number of tokens" CHECK (long_over_tokens IS NULL OR (typeof(long_over_tokens) = 'integer' AND long_over_tokens BETWEEN 1 AND ${largest})),
    ${rateColumns.slice(rates.length).join(',\n    ')},
    note TEXT,
    created_at TEXT NOT NULL DEFAULT ${timestamp}
  )`,
  // One price at a time: two with the same beginning would contradict each other.
  "CREATE UNIQUE INDEX prices_by_model ON prices (model, coalesce(provider_id, ''), tier, effective_from)",
  ...['INSERT', 'UPDATE', 'DELETE'].map(
    (change) =>
      `CREATE TRIGGER prices_${change.toLowerCase()}_raises_revision AFTER ${change} ON prices
       BEGIN UPDATE configuration_revision SET revision = revision + 1; END`,
  ),
];
