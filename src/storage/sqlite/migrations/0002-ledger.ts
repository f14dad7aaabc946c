// The ledger: requests, their attempts, sums by quarter of an hour, and how far each spool has been taken over.

const usage = `
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    total_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_tokens INTEGER NOT NULL DEFAULT 0,
    reasoning_tokens INTEGER NOT NULL DEFAULT 0,
    audio_prompt_tokens INTEGER NOT NULL DEFAULT 0,
    audio_completion_tokens INTEGER NOT NULL DEFAULT 0`;

export const name = '0002-ledger';

export const statements: readonly string[] = [
  // Ids sort by time: the primary key serves "newest first", and each index "newest first of these".
  `CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    created_at_ms INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    model TEXT,
    key_id TEXT,
    is_stream INTEGER NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    error_code TEXT,
    usage_source TEXT NOT NULL,${usage},
    cost_nano_usd INTEGER,
    queued_ms INTEGER NOT NULL,
    ttft_ms INTEGER,
    duration_ms INTEGER,
    chosen_because TEXT,
    body_bytes INTEGER NOT NULL,
    answer_bytes INTEGER NOT NULL
  ) WITHOUT ROWID`,
  'CREATE INDEX requests_by_model ON requests (model, id)',
  'CREATE INDEX requests_by_key ON requests (key_id, id) WHERE key_id IS NOT NULL',
  "CREATE INDEX requests_by_outcome ON requests (outcome, id) WHERE outcome <> 'ok'",
  `CREATE TABLE attempts (
    request_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    model TEXT NOT NULL,
    status INTEGER,
    outcome TEXT NOT NULL,
    failure TEXT,
    started_at_ms INTEGER NOT NULL,
    ttft_ms INTEGER,
    duration_ms INTEGER,
    usage_source TEXT NOT NULL,${usage},
    raw_usage TEXT,
    service_tier TEXT,
    upstream_request_id TEXT,
    cost_nano_usd INTEGER,
    price_id TEXT,
    PRIMARY KEY (request_id, n)
  ) WITHOUT ROWID`,
  'CREATE INDEX attempts_by_account ON attempts (account_id, request_id)',
  `CREATE TABLE usage_quarters (
    quarter_ms INTEGER NOT NULL,
    model TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    account_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,${usage},
    cost_nano_usd INTEGER NOT NULL DEFAULT 0,
    unpriced_tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter_ms, model, upstream_model, account_id, key_id)
  ) WITHOUT ROWID`,
  `CREATE TABLE spools (
    spool TEXT NOT NULL PRIMARY KEY,
    segment INTEGER NOT NULL,
    offset_bytes INTEGER NOT NULL
  ) WITHOUT ROWID`,
];
