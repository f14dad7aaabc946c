// Tokens that a call used, as OpenAI reports them.

/** Tokens by kind. The details are parts of the totals: cached of prompt, reasoning of completion (openai-openapi.yml, `CompletionUsage`). */
export interface TokenUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly cached_tokens: number;
  readonly cache_write_tokens: number;
  readonly reasoning_tokens: number;
  readonly audio_prompt_tokens: number;
  readonly audio_completion_tokens: number;
}

/** Where the numbers come from. */
export type UsageSource = 'upstream' | 'estimated' | 'none';

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function members(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reads a `usage` object; undefined where it is none. A count that is absent or absurd reads as 0. */
export function readUsage(value: unknown): TokenUsage | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const usage = value as Record<string, unknown>;
  const prompt = members(usage['prompt_tokens_details']);
  const completion = members(usage['completion_tokens_details']);
  return {
    prompt_tokens: count(usage['prompt_tokens']),
    completion_tokens: count(usage['completion_tokens']),
    total_tokens: count(usage['total_tokens']),
    cached_tokens: count(prompt['cached_tokens']),
    cache_write_tokens: count(prompt['cache_write_tokens']),
    reasoning_tokens: count(completion['reasoning_tokens']),
    audio_prompt_tokens: count(prompt['audio_tokens']),
    audio_completion_tokens: count(completion['audio_tokens']),
  };
}
