// The fake OpenAI's tokens are those that OpenAI's own vocabularies count in its texts: estimates can be measured by them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { countTokens as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { countTokens as o200k } from 'gpt-tokenizer/encoding/o200k_base';
import fc from 'fast-check';
import { sizedGeneration, textGeneration, wholeText } from '../../src/mock/generation.ts';
import { countTokens, splitTokens } from '../../src/mock/tokens.ts';

const unbounded = { maxTokens: Infinity, stop: [] };

suite('texts of a wanted length have as many tokens as they say', () => {
  for (const chunks of [1, 2, 7, 21, 22, 50, 1000])
    test(`${chunks}`, () => {
      const generation = sizedGeneration({ chunks }, unbounded);
      const text = wholeText(generation);
      assert.deepEqual([generation.tokens, o200k(text), cl100k(text)], [chunks, chunks, chunks]);
    });
});

suite('echoes have as many tokens as they say', () => {
  for (const text of ['Echo: hello big world', ' Echo: say this', 'Count to ten.', '{"city":"text","days":[1,2]}'])
    test(text, () => {
      const generation = textGeneration(text, unbounded);
      assert.deepEqual(
        [generation.tokens, o200k(text), cl100k(text)],
        [o200k(text), countTokens(text), countTokens(text)],
      );
    });
});

test('the pieces of any text are the text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(splitTokens(text).join(''), text)));
});
