// From a request's record to the rows of the ledger.
import type { AttemptRecord, RequestRecord } from '../core/record.ts';
import type { TokenUsage } from '../core/usage.ts';
import type { LedgerAttemptRow, LedgerEntry } from '../storage/ledger-store.ts';

const noUsage: TokenUsage = {
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

/** The rows of a request that is over, or of one whose end is not known: then its last attempt may have been paid for. */
export function rowsOf(record: RequestRecord, isOver: boolean): LedgerEntry {
  // Field by field: to spread an object takes longer than all the rest.
  const usage = record.usage ?? noUsage;
  return {
    request: {
      id: record.id,
      created_at_ms: Math.floor(record.createdAtMs),
      endpoint: record.endpoint,
      model: record.model,
      key_id: record.keyId,
      is_stream: record.isStream,
      status: record.status,
      outcome: isOver ? record.outcome : 'unknown',
      error_code: record.errorCode,
      usage_source: record.usageSource,
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      total_tokens: usage.total_tokens,
      cached_tokens: usage.cached_tokens,
      cache_write_tokens: usage.cache_write_tokens,
      reasoning_tokens: usage.reasoning_tokens,
      audio_prompt_tokens: usage.audio_prompt_tokens,
      audio_completion_tokens: usage.audio_completion_tokens,
      cost_nano_usd: isOver ? record.costNanoUsd : null,
      queued_ms: Math.round(record.queuedMs),
      ttft_ms: rounded(record.firstByteMs),
      duration_ms: isOver ? Math.round(record.durationMs) : null,
      chosen_because: record.chosenBecause,
      body_bytes: record.bodyBytes,
      answer_bytes: record.answerBytes,
    },
    period: record.budgetPeriod,
    attempts: record.attempts.map((attempt, i) =>
      attemptRow(record.id, attempt, isOver || i + 1 < record.attempts.length),
    ),
  };
}

function attemptRow(requestId: string, attempt: AttemptRecord, isOver: boolean): LedgerAttemptRow {
  const usage = attempt.usage ?? noUsage;
  return {
    request_id: requestId,
    n: attempt.n,
    account_id: attempt.accountId,
    provider_id: attempt.providerId,
    model: attempt.model,
    status: attempt.status,
    outcome: attempt.outcome,
    failure: attempt.failure,
    started_at_ms: Math.floor(attempt.startedAtMs),
    ttft_ms: rounded(attempt.firstByteMs),
    duration_ms: isOver ? Math.round(attempt.durationMs) : null,
    usage_source: attempt.usageSource,
    prompt_tokens: usage.prompt_tokens,
    completion_tokens: usage.completion_tokens,
    total_tokens: usage.total_tokens,
    cached_tokens: usage.cached_tokens,
    cache_write_tokens: usage.cache_write_tokens,
    reasoning_tokens: usage.reasoning_tokens,
    audio_prompt_tokens: usage.audio_prompt_tokens,
    audio_completion_tokens: usage.audio_completion_tokens,
    raw_usage: attempt.rawUsage,
    service_tier: attempt.serviceTier,
    upstream_request_id: attempt.upstreamRequestId,
    // Lines of the version before have none.
    reserved_nano_usd: attempt.reservedNanoUsd ?? null,
    cost_nano_usd: isOver ? attempt.costNanoUsd : null,
    price_id: attempt.priceId,
  };
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}
