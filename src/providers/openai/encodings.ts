// Which vocabulary a model of OpenAI's counts with (openai/tiktoken, model.py).
import type { Encoding } from '../../core/token-estimator.ts';
import { rememberingMany } from '../../lib/remembering.ts';

/** Names come from clients. */
const namesRemembered = 1000;

/** Beginnings of model names, the first that fits wins. */
const encodings: readonly (readonly [prefix: string, encoding: Encoding])[] = [
  ['gpt-4o', 'o200k_base'],
  ['gpt-4.', 'o200k_base'],
  ['gpt-4', 'cl100k_base'],
  ['gpt-3.5', 'cl100k_base'],
  ['gpt-35', 'cl100k_base'],
  ['text-embedding-', 'cl100k_base'],
  ['davinci-', 'cl100k_base'],
  ['babbage-', 'cl100k_base'],
  ['gpt-5', 'o200k_base'],
  ['gpt-6', 'o200k_base'],
  ['gpt-audio', 'o200k_base'],
  ['gpt-oss-', 'o200k_base'],
  ['chatgpt-', 'o200k_base'],
  ['codex-', 'o200k_base'],
  ['o1', 'o200k_base'],
  ['o3', 'o200k_base'],
  ['o4', 'o200k_base'],
];

/** The vocabulary of a model, whether fine-tuned (`ft:…`) or named with its maker (`openai/…`); undefined of one not known here. */
export const knownEncodingOf: (model: string) => Encoding | undefined = rememberingMany((model) => {
  const name = model
    .slice(model.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/^ft:/u, '');
  return encodings.find((row) => name.startsWith(row[0]))?.[1];
}, namesRemembered);

/** The same, or the newest: whatever is not known is likely to be newer. */
export function encodingOf(model: string): Encoding {
  return knownEncodingOf(model) ?? 'o200k_base';
}
