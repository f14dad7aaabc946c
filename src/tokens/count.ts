// Counts the tokens of what it is given, with a tokenizer that is handed to it.
import { readRuns } from '../core/heard-text.ts';
import type { CountedKind } from '../core/token-estimator.ts';
import { readAnswer } from './answer-text.ts';
import { readLargestPrompt } from './largest-prompt.ts';
import { readPrompt, type Counted } from './prompt-text.ts';

/** Tokens of a text. */
export type Tokenizer = (text: string) => number;

/** A run without a break longer than this is cut: a tokenizer's time grows with the square of its length. */
const endless = /\S{256,}|\s{256,}/gu;
const longestPiece = 256;
/** Where a run is cut, the pieces may have so many tokens fewer than the whole. */
const tokensPerCut = 2;

/** The tokens in `bytes`. */
export function countTokens(kind: CountedKind, bytes: Uint8Array, tokenize: Tokenizer): number {
  const { texts, tokens } = readers[kind](bytes);
  const perCut = kind === 'largest_prompt' ? tokensPerCut : 0;
  return texts.reduce((sum, text) => sum + tokensOf(text, tokenize, perCut), tokens);
}

const readers: Readonly<Record<CountedKind, (bytes: Uint8Array) => Counted>> = {
  runs: (bytes) => ({ texts: readRuns(bytes), tokens: 0 }),
  answer: (bytes) => ({ texts: readAnswer(textOf(bytes)), tokens: 0 }),
  prompt: (bytes) => readPrompt(textOf(bytes)),
  largest_prompt: (bytes) => readLargestPrompt(textOf(bytes)),
};

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function tokensOf(text: string, tokenize: Tokenizer, perCut: number): number {
  let sum = 0;
  let at = 0;
  for (const { index, 0: run } of text.matchAll(endless)) {
    sum += at < index ? tokenize(text.slice(at, index)) : 0;
    for (let i = 0; i < run.length; i += longestPiece) sum += tokenize(run.slice(i, i + longestPiece)) + perCut;
    at = index + run.length;
  }
  return at < text.length ? sum + tokenize(text.slice(at)) : sum;
}
