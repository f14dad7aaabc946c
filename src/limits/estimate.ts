// How many tokens a request will probably use: what its limit of tokens a minute is charged until the truth is known.
import type { EndpointOutput } from '../core/endpoint.ts';
import type { Content } from './content.ts';
import type { Habit } from './learned-usage.ts';
import type { RequestShape } from './request-shape.ts';

/** What an answer is thought to have until some are known. */
export const usualAnswerTokens = 1024;

/** A middling image, and a middling second of sound in base64. */
const imageTokens = 800;
const audioBytesPerToken = 1000;

/** What images and sounds are thought to have. */
export function mediaTokens({ images, audioBytes }: Pick<Content, 'images' | 'audioBytes'>): number {
  return images * imageTokens + Math.ceil(audioBytes / audioBytesPerToken);
}

/** A guess, in tokens. */
export interface Estimate {
  readonly prompt: number;
  /** All choices together. */
  readonly output: number;
}

/** Tokens of the prompt by its length, as this key's prompts for this model have been, and the most that it lets the model say. */
export function estimateOf(
  shape: Pick<RequestShape, 'outputLimit' | 'choices'>,
  content: Content,
  output: EndpointOutput | null,
  habit: Habit,
): Estimate {
  const text = habit.tokensOf(content.textBytes);
  const each = shape.outputLimit ?? output?.defaultTokens ?? habit.longAnswerTokens ?? usualAnswerTokens;
  return {
    prompt: Math.ceil(text) + mediaTokens(content),
    output: output === null ? 0 : each * shape.choices * content.prompts,
  };
}
