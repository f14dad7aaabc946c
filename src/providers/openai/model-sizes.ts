// How much OpenAI's models can take in and say, by the beginning of their names.
import type { ModelSize } from '../../core/model-size.ts';
import { rememberingMany } from '../../lib/remembering.ts';

/** Beginning of the name → context and output, in tokens (developers.openai.com/api/docs/models, November 2026). The longest that fits counts. */
const sizes: readonly (readonly [beginning: string, contextTokens: number, outputTokens: number])[] = [
  ['gpt-6', 1_050_000, 128_000],
  ['gpt-5', 400_000, 128_000],
  ['gpt-5-chat', 128_000, 16_384],
  ['gpt-5-pro', 400_000, 272_000],
  ['gpt-5.1-chat', 128_000, 16_384],
  ['gpt-5.2-chat', 128_000, 16_384],
  ['gpt-5.3-chat', 128_000, 16_384],
  ['gpt-5.3-codex-spark', 128_000, 32_000],
  ['gpt-5.4', 1_050_000, 128_000],
  ['gpt-5.4-mini', 400_000, 128_000],
  ['gpt-5.4-nano', 400_000, 128_000],
  ['gpt-5.5', 1_050_000, 128_000],
  ['gpt-5.6', 1_050_000, 128_000],
  ['gpt-4.1', 1_047_576, 32_768],
  ['gpt-4.5', 128_000, 16_384],
  ['gpt-4o', 128_000, 16_384],
  ['gpt-4o-2024-05-13', 128_000, 4096],
  ['chatgpt-4o', 128_000, 16_384],
  ['gpt-audio', 128_000, 16_384],
  ['gpt-4-turbo', 128_000, 4096],
  ['gpt-4-1106', 128_000, 4096],
  ['gpt-4-0125', 128_000, 4096],
  ['gpt-4-vision', 128_000, 4096],
  ['gpt-4-32k', 32_768, 32_768],
  ['gpt-4', 8192, 8192],
  ['gpt-3.5-turbo', 16_385, 4096],
  ['gpt-3.5-turbo-instruct', 4096, 4096],
  ['o1', 200_000, 100_000],
  ['o1-mini', 128_000, 65_536],
  ['o1-preview', 128_000, 32_768],
  ['o3', 200_000, 100_000],
  ['o4', 200_000, 100_000],
  ['davinci-002', 16_384, 16_384],
  ['babbage-002', 16_384, 16_384],
  // At most 300,000 tokens in all inputs of one request (openai-openapi.yml, `CreateEmbeddingRequest`).
  ['text-embedding', 300_000, 0],
];

const longestFirst = sizes.toSorted(([a], [b]) => b.length - a.length);

/** A model that is not listed is newer than the list, and takes in more than most of it. */
const unknownContextTokens = 1_050_000;

const imageTokens = 12_000;

/** An image in high detail is at most 1,445 tokens by tiles, and 10,000 patches by the newest count; this one model multiplies its tiles (guides/images-vision). */
const dearImages = { beginning: 'gpt-4o-mini', imageTokens: 48_169 };

/** Names come from clients. */
const namesRemembered = 1000;

/** `sizeOf` for models of which the unknown ones say so much; what it was asked for last is not looked for again. */
export function sizesWith(unknownOutputTokens: number): (model: string) => ModelSize {
  return rememberingMany((model) => sizeOf(model, unknownOutputTokens), namesRemembered);
}

/** The size of a model, or of the one that a fine-tuned one was made from; one that is not listed is sure to say `unknownOutputTokens`. */
export function sizeOf(model: string, unknownOutputTokens: number): ModelSize {
  const name = model.toLowerCase().replace(/^ft:/u, '');
  const found = longestFirst.find((row) => name.startsWith(row[0]));
  return {
    contextTokens: found?.[1] ?? unknownContextTokens,
    outputTokens: found?.[2] ?? unknownOutputTokens,
    imageTokens: name.startsWith(dearImages.beginning) ? dearImages.imageTokens : imageTokens,
  };
}
