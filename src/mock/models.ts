// The models that the fake OpenAI knows, and the model names that steer an answer's length.
import type { AnswerLength } from './script.ts';

/** A model's dated name in answers, and when it appeared (seconds). */
interface KnownModel {
  readonly snapshot: string;
  readonly created: number;
}

/** The rows of `GET /v1/models`. */
export const KNOWN_MODELS: Readonly<Record<string, KnownModel>> = {
  'gpt-5': { snapshot: 'gpt-5-2025-08-07', created: 1_754_425_777 },
  'gpt-5-mini': { snapshot: 'gpt-5-mini-2025-08-07', created: 1_754_425_928 },
  'gpt-4.1': { snapshot: 'gpt-4.1-2025-04-14', created: 1_744_316_542 },
  'gpt-4.1-mini': { snapshot: 'gpt-4.1-mini-2025-04-14', created: 1_744_318_173 },
  'gpt-4o': { snapshot: 'gpt-4o-2024-08-06', created: 1_715_367_049 },
  'gpt-4o-mini': { snapshot: 'gpt-4o-mini-2024-07-18', created: 1_721_172_741 },
  o3: { snapshot: 'o3-2025-04-16', created: 1_744_225_308 },
  'o4-mini': { snapshot: 'o4-mini-2025-04-16', created: 1_744_225_351 },
  'gpt-3.5-turbo': { snapshot: 'gpt-3.5-turbo-0125', created: 1_677_610_602 },
  'gpt-3.5-turbo-instruct': { snapshot: 'gpt-3.5-turbo-instruct:20230824-v2', created: 1_692_901_427 },
  'davinci-002': { snapshot: 'davinci-002', created: 1_692_634_301 },
  'babbage-002': { snapshot: 'babbage-002', created: 1_692_634_615 },
  'text-embedding-3-small': { snapshot: 'text-embedding-3-small', created: 1_705_948_997 },
  'text-embedding-3-large': { snapshot: 'text-embedding-3-large', created: 1_705_953_180 },
  'text-embedding-ada-002': { snapshot: 'text-embedding-ada-002-v2', created: 1_671_217_299 },
};

const ACCEPTED_PREFIXES = ['gpt-', 'o1', 'o3', 'o4', 'chatgpt-', 'text-embedding-', 'davinci-', 'babbage-', 'ft:'];
const STEERED = /^gpt-mock-(stream|tokens)-(\d{1,9})$/;
const CHUNKS_OF_STEERED_TOKENS = 8;

/** True for a model that answers: a known one, or any name with a prefix of OpenAI's. */
export function isModel(name: string): boolean {
  return Object.hasOwn(KNOWN_MODELS, name) || ACCEPTED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** The model name in the answer: OpenAI answers an alias with its dated snapshot. */
export function answeredModel(name: string): string {
  return Object.hasOwn(KNOWN_MODELS, name) ? (KNOWN_MODELS[name]?.snapshot ?? name) : name;
}

/**
 * The length that a model name asks for: `gpt-mock-stream-N` answers N content chunks of one token each, `gpt-mock-tokens-N`
 * a short text in a few chunks that counts as N tokens. Undefined for other names.
 */
export function steeredLength(name: string): AnswerLength | undefined {
  const match = STEERED.exec(name);
  if (match === null) return undefined;
  const count = Number(match[2]);
  return match[1] === 'stream'
    ? { chunks: count }
    : { chunks: Math.min(count, CHUNKS_OF_STEERED_TOKENS), tokens: count };
}
