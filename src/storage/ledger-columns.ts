// The columns of the ledger's tables, in the order in which they are written.
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';
import type { UsageIncrement } from './usage-increments.ts';

const usageColumns = [
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'audio_prompt_tokens',
  'audio_completion_tokens',
] as const;

/** The columns of `requests`. */
export const requestColumns = [
  'id',
  'created_at_ms',
  'endpoint',
  'model',
  'key_id',
  'is_stream',
  'status',
  'outcome',
  'error_code',
  'usage_source',
  ...usageColumns,
  'cost_nano_usd',
  'queued_ms',
  'ttft_ms',
  'duration_ms',
  'chosen_because',
  'body_bytes',
  'answer_bytes',
] as const satisfies readonly (keyof LedgerRequestRow)[];

/** The columns of `attempts`. */
export const attemptColumns = [
  'request_id',
  'n',
  'account_id',
  'provider_id',
  'model',
  'status',
  'outcome',
  'failure',
  'started_at_ms',
  'ttft_ms',
  'duration_ms',
  'usage_source',
  ...usageColumns,
  'raw_usage',
  'service_tier',
  'upstream_request_id',
  'reserved_nano_usd',
  'cost_nano_usd',
  'price_id',
] as const satisfies readonly (keyof LedgerAttemptRow)[];

/** The key of `usage_quarters`. */
export const groupColumns = [
  'quarter_ms',
  'model',
  'upstream_model',
  'account_id',
  'key_id',
] as const satisfies readonly (keyof UsageIncrement)[];

/** What a database driver can bind. */
export type BoundValue = string | number | null;

/** The values of `requestColumns`. Written out: a lookup by name for each column takes longer than the insert. */
export function requestValues(row: LedgerRequestRow): BoundValue[] {
  return [
    row.id,
    row.created_at_ms,
    row.endpoint,
    row.model,
    row.key_id,
    Number(row.is_stream),
    row.status,
    row.outcome,
    row.error_code,
    row.usage_source,
    row.prompt_tokens,
    row.completion_tokens,
    row.total_tokens,
    row.cached_tokens,
    row.cache_write_tokens,
    row.reasoning_tokens,
    row.audio_prompt_tokens,
    row.audio_completion_tokens,
    row.cost_nano_usd,
    row.queued_ms,
    row.ttft_ms,
    row.duration_ms,
    row.chosen_because,
    row.body_bytes,
    row.answer_bytes,
  ];
}

/** The values of `attemptColumns`. */
export function attemptValues(row: LedgerAttemptRow): BoundValue[] {
  return [
    row.request_id,
    row.n,
    row.account_id,
    row.provider_id,
    row.model,
    row.status,
    row.outcome,
    row.failure,
    row.started_at_ms,
    row.ttft_ms,
    row.duration_ms,
    row.usage_source,
    row.prompt_tokens,
    row.completion_tokens,
    row.total_tokens,
    row.cached_tokens,
    row.cache_write_tokens,
    row.reasoning_tokens,
    row.audio_prompt_tokens,
    row.audio_completion_tokens,
    row.raw_usage,
    row.service_tier,
    row.upstream_request_id,
    row.reserved_nano_usd,
    row.cost_nano_usd,
    row.price_id,
  ];
}

/** The values of `groupColumns`, and then of the sums. */
export function usageValues(row: UsageIncrement): BoundValue[] {
  return [
    row.quarter_ms,
    row.model,
    row.upstream_model,
    row.account_id,
    row.key_id,
    row.requests,
    row.attempts,
    row.prompt_tokens,
    row.completion_tokens,
    row.total_tokens,
    row.cached_tokens,
    row.cache_write_tokens,
    row.reasoning_tokens,
    row.audio_prompt_tokens,
    row.audio_completion_tokens,
    row.cost_nano_usd,
    row.unpriced_tokens,
  ];
}
