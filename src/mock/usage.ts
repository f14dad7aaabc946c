// The usage object of an answer, with every detail that OpenAI sends, and what a script changes in it.
import { isObject, numberOf, objectOf, type JsonObject } from './json.ts';
import type { TokenCount } from './reply.ts';

/** `usage` of chat and legacy completions; a script's `usage` fields win over the counted ones. */
export function completionUsage(counted: TokenCount, changes: JsonObject | undefined): JsonObject {
  return changed(
    {
      prompt_tokens: counted.prompt,
      completion_tokens: counted.completion,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    changes,
  );
}

/** `usage` of embeddings. */
export function embeddingUsage(promptTokens: number, changes: JsonObject | undefined): JsonObject {
  const known = changes?.['prompt_tokens'] === undefined ? {} : { prompt_tokens: changes['prompt_tokens'] };
  return changed({ prompt_tokens: promptTokens }, known);
}

/** The tokens that a usage object states. */
export function statedTokens(usage: JsonObject): TokenCount {
  return {
    prompt: numberOf(usage['prompt_tokens']) ?? 0,
    completion: numberOf(usage['completion_tokens']) ?? 0,
    cached: numberOf(objectOf(usage['prompt_tokens_details'])['cached_tokens']) ?? 0,
  };
}

function changed(usage: JsonObject, changes: JsonObject | undefined): JsonObject {
  const merged: Record<string, unknown> = { ...usage };
  for (const [name, value] of Object.entries(changes ?? {})) {
    const before = merged[name];
    merged[name] = isObject(before) && isObject(value) ? { ...before, ...value } : value;
  }
  const { prompt, completion } = statedTokens(merged);
  const { prompt_tokens, completion_tokens, ...details } = merged;
  const output = completion_tokens === undefined ? {} : { completion_tokens };
  return { prompt_tokens, ...output, total_tokens: prompt + completion, ...details };
}
