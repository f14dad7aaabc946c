// The fake tokenizer: an answer's tokens are its words, a prompt's are a quarter of its characters.
import { isObject, listOf, textOf } from './json.ts';

const PIECE = /\s*\S{1,24}|\s+/gu;
const TOKENS_PER_MESSAGE = 4;
const TOKENS_OF_AN_IMAGE = 85;

/** The text in pieces of one token each: a word with the space before it. Joined they are the text again. */
export function splitPieces(text: string): readonly string[] {
  return text.match(PIECE) ?? [];
}

/** Tokens that a prompt of this many characters is said to have. */
export function promptTokens(characters: number): number {
  return Math.ceil(characters / 4);
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
  let tokens = 3;
  for (const message of messages) {
    const content = isObject(message) ? message['content'] : undefined;
    tokens += TOKENS_PER_MESSAGE + promptTokens(contentText(content).length);
    for (const part of listOf(content))
      if (isObject(part) && part['type'] === 'image_url') tokens += TOKENS_OF_AN_IMAGE;
  }
  return tokens;
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
  return { text, tokens: promptTokens(text.length) };
}

function idPrompt(ids: readonly unknown[]): Prompt {
  return { text: ids.map((id) => `<${String(id)}>`).join(''), tokens: ids.length };
}
