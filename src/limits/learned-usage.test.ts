// Tests what is learned of how long answers are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AnswerLengths, LearnedUsage } from './learned-usage.ts';

test('the 95th percentile is found within a quarter, and never too low', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 10, maxLength: 399 });
  fc.assert(
    fc.property(lengths, (list) => {
      const answers = new AnswerLengths();
      for (const tokens of list) answers.add(tokens);
      const sorted = [...list].sort((a, b) => a - b);
      const exact = sorted[Math.ceil(list.length * 0.95) - 1] ?? 0;
      const found = answers.longTokens ?? 0;
      assert.ok(found >= exact && found <= Math.ceil(exact * 1.25), `${found} for ${exact}`);
    }),
  );
});

test('few answers say nothing, and old ones fade', () => {
  const answers = new AnswerLengths();
  for (let i = 0; i < 9; i += 1) answers.add(50);
  assert.equal(answers.longTokens, undefined);
  for (let i = 0; i < 300; i += 1) answers.add(10_000);
  assert.ok((answers.longTokens ?? 0) >= 10_000);
  for (let i = 0; i < 3000; i += 1) answers.add(100);
  assert.ok((answers.longTokens ?? 0) <= 125, String(answers.longTokens));
  for (const odd of [0, 0.5, 1e12]) answers.add(odd);
});

test('each key and model is learned for itself', () => {
  const learned = new LearnedUsage();
  for (let i = 0; i < 50; i += 1) {
    learned.habit('a', 'm').learnAnswer(10);
    learned.habit('a', 'm').learnPrompt(60_000, 10_000);
  }
  assert.equal(learned.habit('a', 'm').longAnswerTokens, 12);
  assert.ok(Math.abs(learned.habit('a', 'm').tokensOf(6000) - 1000) < 20);
  assert.equal(learned.habit('a', 'n').longAnswerTokens, undefined);
  assert.equal(learned.habit('b', 'm').tokensOf(3500), 1000);
});
