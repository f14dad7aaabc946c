// Plain digits are the number that they stand for, and nothing else is one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wholeNumber } from './whole-number.ts';

test('digits are read as they always are', () =>
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 15 - 1 }), fc.nat(3), (value, zeros) => {
      const text = '0'.repeat(zeros) + String(value);
      assert.equal(wholeNumber(text), text.length > 15 ? undefined : value);
      assert.equal(wholeNumber(`a${value}s`, 1, 1 + String(value).length), value);
    }),
  ));

test('what is no plain digits is left to others', () => {
  for (const text of ['', '-1', '+1', '1.5', '1e3', ' 1', '1 ', '0x1', '١', '1234567890123456', 'a'])
    assert.equal(wholeNumber(text), undefined, text);
});
