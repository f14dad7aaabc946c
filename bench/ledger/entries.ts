// Ledger entries as a busy gateway would write them: many models, accounts and keys of unequal weight, day and night.
import type { Outcome } from '../../src/core/record.ts';
import type { TokenUsage } from '../../src/core/usage.ts';
import { newId } from '../../src/lib/id.ts';
import type { LedgerAttemptRow, LedgerEntry } from '../../src/storage/ledger-store.ts';

/** What to make. Times are ms since the epoch. */
export interface Traffic {
  readonly requests: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly models: number;
  readonly accounts: number;
  readonly keys: number;
}

const noTokens: TokenUsage = {
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

/** Outcomes that are no success, and how many of 10,000 requests end so. */
const failures: readonly (readonly [Outcome, number])[] = [
  ['client_cancelled', 100],
  ['client_error', 100],
  ['upstream_error', 80],
  ['rate_limited', 70],
  ['timeout', 20],
  ['stream_interrupted', 20],
  ['budget_exceeded', 10],
  ['gateway_error', 5],
  ['unknown', 5],
];

export const modelName = (n: number): string => `model-${String(n).padStart(2, '0')}-2026`;
export const accountId = (n: number): string => `acc_01jd5xk2mp4q8r6s0t3v7w${String(n).padStart(3, '0')}`;
export const keyId = (n: number): string => `key_01jd5xk2mp4q8r6s0t3v7w${String(n).padStart(3, '0')}`;

/** Numbers from 0 to 1 that look random and are the same each time. */
function newRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Picks 0 … count - 1; the n-th has weight 1 / n^skew. */
function newPicker(count: number, skew: number, random: () => number): () => number {
  const ends: number[] = [];
  let sum = 0;
  for (let n = 1; n <= count; n += 1) ends.push((sum += 1 / n ** skew));
  return () => {
    const place = random() * sum;
    return ends.findIndex((end) => end > place);
  };
}

/** How busy this moment is: three times as much by day as by night. */
function busyness(ms: number): number {
  return 1 + 0.5 * Math.sin((2 * Math.PI * ms) / 86_400_000);
}

/** The entries, oldest first. The busiest key never asks for the second busiest model. */
export function* ledgerEntries(traffic: Traffic): Generator<LedgerEntry> {
  const random = newRandom(traffic.requests);
  const pickModel = newPicker(traffic.models, 1, random);
  const pickAccount = newPicker(traffic.accounts, 0.7, random);
  const pickKey = newPicker(traffic.keys, 1, random);
  const gapMs = (traffic.toMs - traffic.fromMs) / traffic.requests;
  let timeMs = traffic.fromMs;
  for (let n = 0; n < traffic.requests; n += 1) {
    timeMs = Math.min(timeMs + (2 * random() * gapMs) / busyness(timeMs), traffic.toMs - 1);
    const key = pickKey();
    const model = pickModel();
    yield newEntry(Math.floor(timeMs), key, key === 0 && model === 1 ? 2 : model, pickAccount, random);
  }
}

function newEntry(
  createdAtMs: number,
  key: number,
  model: number,
  pickAccount: () => number,
  random: () => number,
): LedgerEntry {
  const id = newId('req', createdAtMs);
  const outcome = pickOutcome(random);
  const count = outcome === 'budget_exceeded' ? 0 : random() < 0.06 ? 2 : 1;
  const attempts: LedgerAttemptRow[] = [];
  for (let n = 1; n <= count; n += 1) {
    const isLast = n === count;
    attempts.push(newAttempt(id, n, createdAtMs, model, pickAccount(), isLast ? outcome : 'upstream_error', random));
  }
  const last = attempts.at(-1);
  return {
    request: {
      id,
      created_at_ms: createdAtMs,
      endpoint: '/v1/chat/completions',
      model: modelName(model),
      key_id: keyId(key),
      is_stream: random() < 0.6,
      status: outcome === 'ok' ? 200 : 500,
      outcome,
      error_code: outcome === 'ok' ? null : 'upstream_unavailable',
      usage_source: last?.usage_source ?? 'none',
      ...usageOf(last ?? noTokens),
      cost_nano_usd: last?.cost_nano_usd ?? null,
      queued_ms: 0,
      ttft_ms: 300,
      duration_ms: outcome === 'unknown' ? null : 2000,
      chosen_because: 'the least used of 2',
      body_bytes: 900,
      answer_bytes: 4000,
    },
    attempts,
  };
}

function pickOutcome(random: () => number): Outcome {
  let place = random() * 10_000;
  for (const [outcome, weight] of failures) if ((place -= weight) < 0) return outcome;
  return 'ok';
}

function newAttempt(
  requestId: string,
  n: number,
  createdAtMs: number,
  model: number,
  account: number,
  outcome: Outcome,
  random: () => number,
): LedgerAttemptRow {
  const isKnown = outcome === 'ok' || outcome === 'client_cancelled';
  const prompt = isKnown ? Math.floor(random() * 4000) : 0;
  const completion = isKnown ? Math.floor(random() * 800) : 0;
  return {
    request_id: requestId,
    n,
    account_id: accountId(account),
    provider_id: 'provider',
    model: modelName(model),
    status: outcome === 'ok' ? 200 : 500,
    outcome,
    failure: outcome === 'ok' ? null : 'server_error',
    started_at_ms: createdAtMs,
    ttft_ms: 300,
    duration_ms: 1900,
    usage_source: isKnown ? 'upstream' : 'none',
    ...noTokens,
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cached_tokens: Math.floor(prompt / 2),
    reasoning_tokens: Math.floor(completion / 3),
    raw_usage: isKnown
      ? `{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},"prompt_tokens_details":{"cached_tokens":${Math.floor(prompt / 2)},"audio_tokens":0}}`
      : null,
    service_tier: isKnown ? 'default' : null,
    upstream_request_id: null,
    reserved_nano_usd: null,
    // One model has no price.
    cost_nano_usd: !isKnown ? 0 : model === 7 ? null : prompt * 150 + completion * 600,
    price_id: isKnown && model !== 7 ? `${modelName(model)}@2026-01-01` : null,
  };
}

function usageOf(row: TokenUsage): TokenUsage {
  const { prompt_tokens, completion_tokens, total_tokens, cached_tokens, cache_write_tokens } = row;
  const { reasoning_tokens, audio_prompt_tokens, audio_completion_tokens } = row;
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens,
    cached_tokens,
    cache_write_tokens,
    reasoning_tokens,
    audio_prompt_tokens,
    audio_completion_tokens,
  };
}
