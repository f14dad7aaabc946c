// The table of OpenAI's endpoints that the fake one has.
import type { Call } from './call.ts';
import { answerChat } from './chat.ts';
import { answerCompletion } from './completions.ts';
import { answerEmbeddings } from './embeddings.ts';
import { listOf, numberOf, type JsonObject } from './json.ts';
import type { Reply } from './reply.ts';
import { chatPromptTokens, readPrompts } from './tokens.ts';

/** One endpoint that takes a JSON body. */
export interface Endpoint {
  /** Fields that the body must have besides `model`. */
  readonly required: readonly string[];
  readonly answer: (call: Call) => Reply;
  /** Tokens of the prompt, as far as the rate limit counts them. */
  readonly promptTokens: (body: JsonObject) => number;
}

/** The endpoints that are asked with POST, by path. */
export const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/v1/chat/completions': {
    required: ['messages'],
    answer: answerChat,
    promptTokens: (body) => chatPromptTokens(listOf(body['messages'])),
  },
  '/v1/completions': {
    required: [],
    answer: answerCompletion,
    promptTokens: (body) => sumOfPrompts(body['prompt']),
  },
  '/v1/embeddings': {
    required: ['input'],
    answer: answerEmbeddings,
    promptTokens: (body) => sumOfPrompts(body['input']),
  },
};

/**
 * Tokens that a request takes from its quota: the larger of the prompt's and the output bound, as OpenAI's guide to rate
 * limits says. They are taken when the request arrives and not corrected afterwards.
 */
export function quotaTokens(endpoint: Endpoint, body: JsonObject): number {
  const bound = numberOf(body['max_completion_tokens']) ?? numberOf(body['max_tokens']) ?? 0;
  return Math.max(endpoint.promptTokens(body), bound);
}

function sumOfPrompts(value: unknown): number {
  return readPrompts(value).reduce((sum, prompt) => sum + prompt.tokens, 0);
}
