// Heads that follow upon each other: what is remembered of the ones before changes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldWriter } from './field-writer.ts';
import { FieldReader } from './fields.ts';
import { MessageFormatError } from './format-error.ts';

const name = fc.constantFrom('Date', 'date', 'X-Request-Id', 'Authorization', 'x', 'x y', '', 'x:');
const value = fc.constantFrom('', ' a', 'a', 'a\t', 'b: c', '\0', 'a\nb', 'a\rb', '→', 'é', 'x'.repeat(200));
const head = fc.array(fc.tuple(name, value), { maxLength: 5 });
/** Each may come many times: what stays the same is looked at together from some time on. */
const heads = fc
  .array(fc.tuple(head, fc.constantFrom(1, 3, 120)), { minLength: 1, maxLength: 6 })
  .map((all) => all.flatMap(([one, times]) => Array.from({ length: times }, () => one)));

function outcomeOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
}

test('a head is read as if it were the first', () =>
  fc.assert(
    fc.property(heads, (all) => {
      const reader = new FieldReader();
      for (const lines of all) {
        const text = `first\r\n${lines.map(([field, text_]) => `${field}:${text_}\r\n`).join('')}`;
        assert.deepEqual(
          outcomeOf(() => reader.read(text, 5)),
          outcomeOf(() => new FieldReader().read(text, 5)),
        );
      }
    }),
    { numRuns: 1000 },
  ));

test('a head is written as if it were the first', () =>
  fc.assert(
    fc.property(heads, (all) => {
      const newWriter = (): FieldWriter => new FieldWriter(new Set(['date']), (field) => new Error(`not ${field}`));
      const writer = newWriter();
      for (const lines of all)
        assert.deepEqual(
          outcomeOf(() => writer.write(lines.flat())),
          outcomeOf(() => newWriter().write(lines.flat())),
        );
    }),
    { numRuns: 1000 },
  ));

test('what could end a line early is refused', () => {
  for (const line of ['a: \0', 'a: b\nc: d', 'a: b\rc: d', 'a : b', ' a: b', ': b', 'a', 'a: \x7f'])
    assert.throws(() => new FieldReader().read(`first\r\n${line}\r\n`, 5), MessageFormatError, JSON.stringify(line));
  assert.deepEqual(new FieldReader().read('first\r\nA: \t b\t \r\nB:\r\nC: é', 5), ['a', 'b', 'b', '', 'c', 'é']);
  assert.deepEqual(new FieldReader().read('first', -1), []);
});
