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

/** No call uses this many tokens: what says so is a mistake. */
const absurdTokens = 1e9;
/** Longest `usage` object that is kept, in characters, and longest name of a tier. */
const longestRawUsage = 16_384;
const longestTier = 64;

/** What an answer, or the part of it that came, says of its use. */
export interface UsageReport {
  /** The last `usage` object in it, JSON text. */
  readonly rawUsage: string | undefined;
  /** The `service_tier` that it names. */
  readonly serviceTier: string | undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < absurdTokens;
}

/** A count that is absent or absurd reads as 0, and a part is never more than its whole. */
function count(value: unknown, most: number = absurdTokens): number {
  return isCount(value) ? Math.min(value, most) : 0;
}

/** A count that is absent or absurd is what the other one leaves of the total, where both are told. */
function countOrRest(value: unknown, other: unknown, total: unknown): number {
  if (isCount(value) || !isCount(other) || !isCount(total)) return count(value);
  return Math.max(total - other, 0);
}

function members(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * Reads a `usage` object; undefined where it is none, or where neither of its totals is a count: then it says nothing.
 * A total of 0 is a word like any other.
 */
export function readUsage(value: unknown): TokenUsage | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const usage = value as Record<string, unknown>;
  if (!isCount(usage['prompt_tokens']) && !isCount(usage['completion_tokens'])) return undefined;
  const promptTokens = countOrRest(usage['prompt_tokens'], usage['completion_tokens'], usage['total_tokens']);
  const completionTokens = countOrRest(usage['completion_tokens'], usage['prompt_tokens'], usage['total_tokens']);
  const prompt = members(usage['prompt_tokens_details']);
  const completion = members(usage['completion_tokens_details']);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: isCount(usage['total_tokens']) ? usage['total_tokens'] : promptTokens + completionTokens,
    cached_tokens: count(prompt['cached_tokens'], promptTokens),
    cache_write_tokens: count(prompt['cache_write_tokens'], promptTokens),
    reasoning_tokens: count(completion['reasoning_tokens'], completionTokens),
    audio_prompt_tokens: count(prompt['audio_tokens'], promptTokens),
    audio_completion_tokens: count(completion['audio_tokens'], completionTokens),
  };
}

/** A report as it was understood. */
export interface ReadReport {
  readonly usage: TokenUsage | null;
  readonly rawUsage: string | null;
  readonly serviceTier: string | null;
}

/** What is kept of a report: the counts, the object as it came, the tier; null for what is absent, unreadable or too long to be one. */
export function readReport({ rawUsage, serviceTier }: UsageReport): ReadReport {
  return {
    usage: rawUsage === undefined ? null : (readUsage(parsed(rawUsage)) ?? null),
    rawUsage: rawUsage !== undefined && rawUsage.length <= longestRawUsage ? rawUsage : null,
    serviceTier: serviceTier !== undefined && serviceTier.length <= longestTier ? serviceTier : null,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The use of several attempts together, as a request's own: estimated where any part of it is. */
export function sumUsage(parts: readonly { readonly usage: TokenUsage | null; readonly usageSource: UsageSource }[]): {
  readonly usage: TokenUsage | null;
  readonly usageSource: UsageSource;
} {
  let sum: TokenUsage | null = null;
  let isEstimated = false;
  for (const { usage, usageSource } of parts) {
    if (usage !== null) sum = sum === null ? usage : add(sum, usage);
    isEstimated ||= usageSource === 'estimated';
  }
  if (sum === null) return { usage: null, usageSource: 'none' };
  return { usage: sum, usageSource: isEstimated ? 'estimated' : 'upstream' };
}

function add(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    completion_tokens: a.completion_tokens + b.completion_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    cached_tokens: a.cached_tokens + b.cached_tokens,
    cache_write_tokens: a.cache_write_tokens + b.cache_write_tokens,
    reasoning_tokens: a.reasoning_tokens + b.reasoning_tokens,
    audio_prompt_tokens: a.audio_prompt_tokens + b.audio_prompt_tokens,
    audio_completion_tokens: a.audio_completion_tokens + b.audio_completion_tokens,
  };
}
