// Tests how many tokens a request is charged with until the truth is known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointOutput } from '../core/endpoint.ts';
import type { Content } from './content.ts';
import { estimateOf, type Estimate } from './estimate.ts';

const chat: EndpointOutput = { limitNames: ['max_tokens'], defaultTokens: null };
const completion: EndpointOutput = { limitNames: ['max_tokens'], defaultTokens: 16 };
const text: Content = { textBytes: 400, messages: 1, images: 0, audioBytes: 0, refersElsewhere: false, prompts: 1 };

interface Case {
  readonly limit?: number;
  readonly choices?: number;
  readonly content?: Partial<Content>;
  readonly output?: EndpointOutput | null;
  readonly longAnswerTokens?: number;
}

function estimate({ limit, choices = 1, content, output = chat, longAnswerTokens }: Case): Estimate {
  const habit = { tokensOf: (bytes: number) => bytes / 4, longAnswerTokens };
  return estimateOf({ outputLimit: limit ?? null, choices }, { ...text, ...content }, output, habit);
}

test('an answer is as long as it may be, else as the endpoint, the key or experience has it', () => {
  assert.deepEqual(estimate({ limit: 7, longAnswerTokens: 300 }), { prompt: 100, output: 7 });
  assert.equal(estimate({ limit: 0, longAnswerTokens: 300 }).output, 0);
  assert.equal(estimate({ output: completion, longAnswerTokens: 300 }).output, 16);
  assert.equal(estimate({ longAnswerTokens: 300 }).output, 300);
  assert.equal(estimate({}).output, 1024);
  assert.equal(estimate({ output: null }).output, 0);
});

test('each choice for each prompt has its own', () => {
  assert.equal(estimate({ limit: 7, choices: 3, content: { prompts: 5 } }).output, 105);
});

test('pictures and sound count besides the text', () => {
  assert.equal(estimate({ content: { images: 2 } }).prompt, 100 + 1600);
  assert.equal(estimate({ content: { audioBytes: 4500 } }).prompt, 105);
});
