// The ledger: requests, their attempts, sums by quarter of an hour, and how far each spool has been taken over.
import { text } from './columns.ts';

const usage = `
    prompt_tokens BIGINT NOT NULL DEFAULT 0,
    completion_tokens BIGINT NOT NULL DEFAULT 0,
    total_tokens BIGINT NOT NULL DEFAULT 0,
    cached_tokens BIGINT NOT NULL DEFAULT 0,
    cache_write_tokens BIGINT NOT NULL DEFAULT 0,
    reasoning_tokens BIGINT NOT NULL DEFAULT 0,
    audio_prompt_tokens BIGINT NOT NULL DEFAULT 0,
    audio_completion_tokens BIGINT NOT NULL DEFAULT 0`;

export const name = '0002-ledger';

export const statements: readonly string[] = [
  // Ids sort by time: the primary key serves "newest first", and each index "newest first of these".
  `CREATE TABLE requests (
    id ${text} NOT NULL PRIMARY KEY,
    created_at_ms BIGINT NOT NULL,
    endpoint ${text} NOT NULL,
    model ${text},
    key_id ${text},
    is_stream BOOLEAN NOT NULL,
    status BIGINT,
    outcome ${text} NOT NULL,
    error_code ${text},
    usage_source ${text} NOT NULL,${usage},
    cost_nano_usd BIGINT,
    queued_ms BIGINT NOT NULL,
    ttft_ms BIGINT,
    duration_ms BIGINT,
    chosen_because ${text},
    body_bytes BIGINT NOT NULL,
    answer_bytes BIGINT NOT NULL
  )`,
  'CREATE INDEX requests_by_model ON requests (model, id)',
  'CREATE INDEX requests_by_key ON requests (key_id, id) WHERE key_id IS NOT NULL',
  "CREATE INDEX requests_by_outcome ON requests (outcome, id) WHERE outcome <> 'ok'",
  `CREATE TABLE attempts (
    request_id ${text} NOT NULL,
    n BIGINT NOT NULL,
    account_id ${text} NOT NULL,
    provider_id ${text} NOT NULL,
    model ${text} NOT NULL,
    status BIGINT,
    outcome ${text} NOT NULL,
    failure ${text},
    started_at_ms BIGINT NOT NULL,
    ttft_ms BIGINT,
    duration_ms BIGINT,
    usage_source ${text} NOT NULL,${usage},
    raw_usage ${text},
    service_tier ${text},
    upstream_request_id ${text},
    cost_nano_usd BIGINT,
    price_id ${text},
    PRIMARY KEY (request_id, n)
  )`,
  'CREATE INDEX attempts_by_account ON attempts (account_id, request_id)',
  // Its rows are written again and again: room in each page lets that happen in place.
  `CREATE TABLE usage_quarters (
    quarter_ms BIGINT NOT NULL,
    model ${text} NOT NULL,
    upstream_model ${text} NOT NULL,
    account_id ${text} NOT NULL,
    key_id ${text} NOT NULL,
    requests BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,${usage},
    cost_nano_usd BIGINT NOT NULL DEFAULT 0,
    unpriced_tokens BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (quarter_ms, model, upstream_model, account_id, key_id)
  ) WITH (fillfactor = 70)`,
  `CREATE TABLE spools (
    spool ${text} NOT NULL PRIMARY KEY,
    segment BIGINT NOT NULL,
    offset_bytes BIGINT NOT NULL
  )`,
];
