// Tests how much of a budget a request needs, and which limit its answer gets where it has none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { largestPrompt, needOf, unpricedNeed, type AnswerTerms } from './need.ts';

const chat = { limitNames: ['max_completion_tokens', 'max_tokens'], defaultTokens: null } as const;
const completion = { limitNames: ['max_tokens'], defaultTokens: 16 } as const;
const size = { contextTokens: 8000, outputTokens: 4000, imageTokens: 1000 };
const content = { textBytes: 400, messages: 2, images: 0, audioBytes: 0, refersElsewhere: false, prompts: 1 };
const text = { searchesTheWeb: false };

/** A prompt for 1,000 nano-dollars, and a nano-dollar for each token of output. */
const bound = { promptNanoUsd: 1000, outputRate: 1_000_000 };

function terms(part: {
  readonly outputLimit?: number;
  readonly choices?: number;
  readonly prompts?: number;
  readonly predictedBytes?: number;
  readonly output?: AnswerTerms['output'];
  readonly longAnswerTokens?: number;
  readonly textBytes?: number;
}): AnswerTerms {
  return {
    shape: {
      outputLimit: part.outputLimit ?? null,
      choices: part.choices ?? 1,
      predictedBytes: part.predictedBytes ?? 0,
    },
    content: { prompts: part.prompts ?? 1 },
    output: part.output === undefined ? chat : part.output,
    size,
    promptEstimate: Math.ceil((part.textBytes ?? 400) / 3.5),
    longAnswerTokens: part.longAnswerTokens,
    bound,
  };
}

test('a prompt has no more tokens than bytes, than were counted, and than the model takes in', () => {
  const examples: readonly (readonly [
    part: Partial<typeof content>,
    web: boolean,
    counted: number | undefined,
    tokens: number,
  ])[] = [
    [{}, false, undefined, 400],
    [{}, false, 100, 100 + 2 * 8 + 64],
    [{}, false, 390, 400],
    [{}, false, Infinity, 400],
    [{ images: 3 }, false, undefined, 3400],
    [{ audioBytes: 3200 }, false, undefined, 500],
    [{ textBytes: 100_000 }, false, undefined, 8000],
    [{ refersElsewhere: true }, false, 10, 8000],
    [{}, true, undefined, 8000],
    // Each of several prompts may fill the context.
    [{ textBytes: 100_000, prompts: 3 }, false, undefined, 24_000],
    [{ textBytes: 400, prompts: 3 }, false, undefined, 400],
  ];
  for (const [part, searchesTheWeb, counted, tokens] of examples) {
    const largest = largestPrompt({ searchesTheWeb }, { ...content, ...part }, size, counted);
    assert.equal(largest.tokens, tokens, JSON.stringify({ part, searchesTheWeb, counted }));
  }
  assert.equal(largestPrompt(text, { ...content, audioBytes: 3200 }, size, undefined).audioTokens, 100);
  const answered = largestPrompt(text, { ...content, refersElsewhere: true }, size, undefined);
  assert.equal(answered.audioTokens, 8000, 'what is referred to may be sound');
});

test('a limit of the request is taken as it is, for each of its answers', () => {
  const plenty = 1e12;
  assert.deepEqual(needOf(terms({ outputLimit: 50 }), plenty), { nanoUsd: 1051, outputTokens: 50, outputCap: null });
  assert.equal(needOf(terms({ outputLimit: 50, choices: 3, prompts: 2 }), plenty).nanoUsd, 1301);
  assert.equal(needOf(terms({ outputLimit: 0 }), plenty).nanoUsd, 1001);
  assert.equal(needOf(terms({ outputLimit: 50, predictedBytes: 7 }), plenty).nanoUsd, 1058);
  assert.deepEqual(needOf(terms({ output: null }), plenty), { nanoUsd: 1001, outputTokens: 0, outputCap: null });
});

test('a request without a limit gets a share of the rest, between what is usual and what the model can say', () => {
  const examples: readonly (readonly [part: Parameters<typeof terms>[0], left: number, cap: number])[] = [
    // An eighth of what is left after the prompt.
    [{}, 1000 + 8 * 2000, 2000],
    [{ choices: 2 }, 1000 + 8 * 4000, 2000],
    [{ predictedBytes: 500 }, 1000 + 8 * 2000, 1500],
    // Never less than answers usually have, even where that does not fit any more: then it is refused.
    [{}, 1000, 1024],
    [{}, -5, 1024],
    [{ longAnswerTokens: 60 }, 1000, 60],
    [{ longAnswerTokens: 60 }, 1000 + 8 * 70, 70],
    // Never more than the model can say, or has room for.
    [{}, 1e9, 4000],
    [{ textBytes: 21_000 }, 1e9, 800],
    [{ textBytes: 100_000 }, 1e9, 1],
    // Where the endpoint has a limit of its own, it is written down.
    [{ output: completion }, 1e9, 16],
  ];
  for (const [part, left, cap] of examples) {
    const need = needOf(terms(part), left);
    assert.equal(need.outputCap, cap, JSON.stringify({ part, left }));
    assert.equal(need.outputTokens, cap);
  }
});

test('without a price nothing is reserved, and a fallback with one still gets its limit', () => {
  assert.deepEqual(unpricedNeed(terms({})), { nanoUsd: 0, outputTokens: 4000, outputCap: 4000 });
  assert.deepEqual(unpricedNeed(terms({ outputLimit: 9 })), { nanoUsd: 0, outputTokens: 9, outputCap: null });
  assert.deepEqual(unpricedNeed(terms({ output: null })), { nanoUsd: 0, outputTokens: 0, outputCap: null });
});
