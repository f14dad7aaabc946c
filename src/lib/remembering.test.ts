// What is remembered of texts is what would be found out again, and no more of it than was said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { remembering, rememberingMany } from './remembering.ts';

/** Views of longer texts, and trees of shorter ones, are texts as well. */
const text = fc
  .tuple(fc.constantFrom('', 'a', 'b', 'a long enough text', 'a long enough test'), fc.nat(2))
  .map(([word, end]) => `${word}${'x'.repeat(20)}`.slice(0, word.length + end));

test('answers are those of the function itself', () =>
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      const read = (one: string): readonly string[] => [one];
      const [last, many] = [remembering(read), rememberingMany(read, 4)];
      for (const one of texts) {
        assert.deepEqual(last(one), [one]);
        assert.deepEqual(many(one), [one]);
      }
    }),
  ));

test('the last text is not read again, what it threw is', () => {
  let reads = 0;
  const read = (one: string): number => {
    reads += 1;
    if (one === 'bad') throw new Error('not this one');
    return one.length;
  };
  const last = remembering(read);
  assert.deepEqual([last('ab'), last('ab'), reads], [2, 2, 1]);
  assert.throws(() => last('bad'));
  assert.throws(() => last('bad'));
  assert.equal(reads, 3);
  assert.deepEqual([last('ab'), reads], [2, 3]);
});

test('of many texts the last ones are remembered, also where the answer is that there is none', () => {
  let reads = 0;
  const many = rememberingMany(() => {
    reads += 1;
    return undefined;
  }, 10);
  for (const one of ['a', 'b', 'a', 'b', 'a']) many(one);
  assert.equal(reads, 2);
  for (let i = 0; i < 100; i += 1) many(`other ${i}`);
  many('other 99');
  assert.equal(reads, 102);
  many('a');
  assert.equal(reads, 103);
});
