// Which vocabulary a model of OpenAI's counts with (openai/tiktoken, model.py).
import type { Encoding } from '../../core/token-estimator.ts';

/** Beginnings of model names, the first that fits wins. Whatever is newer than these counts as they do at the end. */
const encodings: readonly (readonly [prefix: string, encoding: Encoding])[] = [
  ['gpt-4o', 'o200k_base'],
  ['gpt-4.', 'o200k_base'],
  ['gpt-4', 'cl100k_base'],
  ['gpt-3.5', 'cl100k_base'],
  ['gpt-35', 'cl100k_base'],
  ['text-embedding-', 'cl100k_base'],
  ['davinci-', 'cl100k_base'],
  ['babbage-', 'cl100k_base'],
  ['', 'o200k_base'],
];

/** The vocabulary of a model, whether fine-tuned (`ft:…`) or named with its maker (`openai/…`). */
export function encodingOf(model: string): Encoding {
  const name = model.slice(model.lastIndexOf('/') + 1).replace(/^ft:/u, '');
  return encodings.find((row) => name.startsWith(row[0]))?.[1] ?? 'o200k_base';
}
