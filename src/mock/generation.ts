// The text of an answer, in pieces: an echo, or the length that the script or the model name asks for.
import type { AnswerLength } from './script.ts';
import { countTokens, splitWords } from './tokens.ts';

/** A part of the answer that one content chunk carries. */
export interface Piece {
  readonly text: string;
  readonly tokens: number;
}

/** A text to answer with. `pieces()` starts anew at each call and holds nothing in memory. */
export interface Generation {
  pieces(): Iterable<Piece>;
  readonly tokens: number;
  readonly finish: 'stop' | 'length';
}

/** What a request allows: the most tokens, and texts to stop before. */
export interface Bounds {
  readonly maxTokens: number;
  readonly stop: readonly string[];
}

const DEFAULT_CHUNKS = 10;

/** Words that are one token each with the space before them, for OpenAI's tokenizers too. */
const WORDS =
  ' the river runs slow under old stone bridges while small boats carry bread and salt from one quiet town to another'.match(
    / \w+/gu,
  ) ?? [];

/** The most tokens of an echo: real models end an answer too. */
export const MAX_OUTPUT_TOKENS = 128_000;

/** An answer of this text, one word a piece, cut by the bounds. */
export function textGeneration(text: string, bounds: Bounds): Generation {
  const stopAt = bounds.stop.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
  const spoken = stopAt.length > 0 ? text.slice(0, Math.min(...stopAt)) : text;
  const all = splitWords(spoken).map((word): Piece => ({ text: word, tokens: countTokens(word) }));
  const most = Math.min(bounds.maxTokens, MAX_OUTPUT_TOKENS);
  let tokens = 0;
  let count = 0;
  for (; count < all.length && tokens + (all[count]?.tokens ?? 0) <= most; count += 1)
    tokens += all[count]?.tokens ?? 0;
  return {
    pieces: () => all.slice(0, count),
    tokens,
    finish: count < all.length ? 'length' : 'stop',
  };
}

/** An answer of a wanted length; stop texts do not apply to it. */
export function sizedGeneration(length: AnswerLength, bounds: Bounds): Generation {
  const wanted = length.tokens ?? length.chunks ?? DEFAULT_CHUNKS;
  const tokens = Math.min(wanted, bounds.maxTokens);
  const chunks = length.tokens === undefined ? tokens : Math.min(length.chunks ?? DEFAULT_CHUNKS, tokens);
  return {
    pieces: () => sizedPieces(chunks, tokens, length.chunk_text),
    tokens,
    finish: tokens < wanted ? 'length' : 'stop',
  };
}

function* sizedPieces(chunks: number, tokens: number, text: string | undefined): Generator<Piece> {
  const base = Math.floor(tokens / Math.max(chunks, 1));
  const larger = tokens - base * chunks;
  for (let index = 0; index < chunks; index += 1) {
    yield { text: text ?? WORDS[index % WORDS.length] ?? '', tokens: index < larger ? base + 1 : base };
  }
}

/** The pieces joined. */
export function wholeText(generation: Generation): string {
  let text = '';
  for (const piece of generation.pieces()) text += piece.text;
  return text;
}
