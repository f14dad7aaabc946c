// The fake tokenizer: without a vocabulary, yet with English words it counts as OpenAI's own tokenizers do.
import { isObject, listOf, objectOf, textOf, type JsonObject } from './json.ts';

/** A word with the space before it. */
const WORD = /\s*\S{1,24}|\s+/gu;
/** How OpenAI's tokenizers cut a text before they look into their vocabulary, with long words cut once more. */
const TOKEN =
  /[^\r\n\p{L}\p{N}]?[\p{L}--[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}]]{1,16}|\p{L}{1,2}|\p{N}{1,3}| ?[^\s\p{L}\p{N}]{1,8}|\s+(?!\S)|\s/gv;
/** Around a message its marks and its role; once for all of them the opening of the answer. */
const TOKENS_PER_MESSAGE = 4;
const TOKENS_OF_THE_ANSWERS_OPENING = 3;
/** Of a picture of 1024 × 1024 points, or of one that is looked at only roughly. */
const TOKENS_OF_AN_IMAGE = 765;
const TOKENS_OF_A_ROUGH_IMAGE = 85;

const COUNTED_CHARACTERS = 100_000;

/** The text word by word, each with the space before it. Joined they are the text again. */
export function splitWords(text: string): readonly string[] {
  return text.match(WORD) ?? [];
}

/** Tokens of a text; of a very long one they are told from its beginning. */
export function countTokens(text: string): number {
  if (text.length <= COUNTED_CHARACTERS) return splitTokens(text).length;
  return Math.round((splitTokens(text.slice(0, COUNTED_CHARACTERS)).length * text.length) / COUNTED_CHARACTERS);
}

/** The text in pieces of one token each. Joined they are the text again. */
export function splitTokens(text: string): readonly string[] {
  return text.match(TOKEN) ?? [];
}

/** The text of a message's content: a string, or the text parts of an array. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => (isObject(part) ? (textOf(part['text']) ?? '') : ''))
    .join('');
}

/** Tokens of a chat prompt. */
export function chatPromptTokens(messages: readonly unknown[]): number {
  let tokens = TOKENS_OF_THE_ANSWERS_OPENING;
  for (const message of messages) {
    const content = isObject(message) ? message['content'] : undefined;
    tokens += TOKENS_PER_MESSAGE + countTokens(contentText(content));
    for (const part of listOf(content))
      if (isObject(part) && part['type'] === 'image_url') tokens += imageTokens(objectOf(part['image_url']));
  }
  return tokens;
}

function imageTokens({ detail }: JsonObject): number {
  return detail === 'low' ? TOKENS_OF_A_ROUGH_IMAGE : TOKENS_OF_AN_IMAGE;
}

/** One prompt of a legacy completion or an embedding: its text, and its tokens (exact where it came as token ids). */
export interface Prompt {
  readonly text: string;
  readonly tokens: number;
}

/** The prompts in `string | string[] | int[] | int[][]`. */
export function readPrompts(value: unknown): readonly Prompt[] {
  if (typeof value === 'string') return [textPrompt(value)];
  const list = listOf(value);
  if (list.length > 0 && list.every((item) => typeof item === 'number')) return [idPrompt(list)];
  return list.map((item) => (typeof item === 'string' ? textPrompt(item) : idPrompt(listOf(item))));
}

function textPrompt(text: string): Prompt {
  return { text, tokens: countTokens(text) };
}

function idPrompt(ids: readonly unknown[]): Prompt {
  return { text: ids.map((id) => `<${String(id)}>`).join(''), tokens: ids.length };
}
