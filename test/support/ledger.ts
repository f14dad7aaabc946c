// Entries of the ledger for tests: whole by default, different where a test says so.
import { newId } from '../../src/lib/id.ts';
import type { LedgerAttemptRow, LedgerEntry, LedgerRequestRow } from '../../src/storage/ledger-store.ts';

/** How an entry differs from the usual one. */
export interface EntryChange {
  readonly request?: Partial<LedgerRequestRow>;
  /** One attempt each; a single usual one where not given. */
  readonly attempts?: readonly Partial<LedgerAttemptRow>[];
}

const noTokens = {
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
} as const;

/** A request made at this moment, that went well at the first attempt. */
export function ledgerEntry(createdAtMs: number, { request = {}, attempts = [{}] }: EntryChange = {}): LedgerEntry {
  const id = request.id ?? newId('req', createdAtMs);
  const tokens = { ...noTokens, prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  return {
    request: {
      id,
      created_at_ms: createdAtMs,
      endpoint: '/v1/chat/completions',
      model: 'alpha',
      key_id: null,
      is_stream: false,
      status: 200,
      outcome: 'ok',
      error_code: null,
      usage_source: 'upstream',
      ...tokens,
      cost_nano_usd: 1500,
      queued_ms: 0,
      ttft_ms: 40,
      duration_ms: 50,
      chosen_because: null,
      body_bytes: 100,
      answer_bytes: 200,
      ...request,
    },
    attempts: attempts.map((change, i) => ({
      request_id: id,
      n: i + 1,
      account_id: 'acc_1',
      provider_id: 'openai',
      model: request.model ?? 'alpha',
      status: 200,
      outcome: 'ok',
      failure: null,
      started_at_ms: createdAtMs + i,
      ttft_ms: 40,
      duration_ms: 50,
      usage_source: 'upstream',
      ...tokens,
      raw_usage: null,
      service_tier: null,
      upstream_request_id: null,
      reserved_nano_usd: null,
      cost_nano_usd: 1500,
      price_id: null,
      ...change,
    })),
  };
}
