// Amounts are read and written exactly, and what is no amount is refused with a reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readUsd, writeUsd } from './money.ts';

const readable: readonly (readonly [value: string | number, nanoUsd: number])[] = [
  ['0', 0],
  [0, 0],
  ['0.000', 0],
  ['1', 1_000_000_000],
  ['2.5', 2_500_000_000],
  [2.5, 2_500_000_000],
  ['2.50', 2_500_000_000],
  ['002.5', 2_500_000_000],
  ['0.000000001', 1],
  [1e-9, 1],
  ['1E-9', 1],
  ['10e-10', 1],
  ['0.0000000010', 1],
  ['0.1', 100_000_000],
  [0.0375, 37_500_000],
  ['1e3', 1_000_000_000_000],
  [1e3, 1_000_000_000_000],
  ['9007199.254740991', Number.MAX_SAFE_INTEGER],
  ['270', 270_000_000_000],
];

test('amounts are read exactly', () => {
  for (const [value, nanoUsd] of readable) assert.deepEqual(readUsd(value), { nanoUsd }, String(value));
});

const refused: readonly (readonly [value: string | number, problem: RegExp])[] = [
  ['', /must be an amount/u],
  ['-1', /must be an amount/u],
  ['+1', /must be an amount/u],
  ['.5', /must be an amount/u],
  ['1.', /must be an amount/u],
  ['1,5', /must be an amount/u],
  ['$1', /must be an amount/u],
  [' 1', /must be an amount/u],
  ['0x10', /must be an amount/u],
  ['NaN', /must be an amount/u],
  [Number.NaN, /must be an amount/u],
  [Number.POSITIVE_INFINITY, /must be an amount/u],
  [-0.5, /must be an amount/u],
  ['0.0000000001', /no more than 9 digits/u],
  [0.1 + 0.2, /no more than 9 digits/u],
  ['1e-10', /no more than 9 digits/u],
  ['1e-999', /no more than 9 digits/u],
  ['9007199.254740992', /at most 9007199 US dollars/u],
  ['1e999', /at most 9007199 US dollars/u],
  [1e300, /at most 9007199 US dollars/u],
];

test('what is no amount is refused', () => {
  for (const [value, problem] of refused) {
    const reading = readUsd(value);
    assert.match('problem' in reading ? reading.problem : `read as ${reading.nanoUsd}`, problem, String(value));
  }
});

test('amounts are written as short decimals', () => {
  const rows: readonly (readonly [nanoUsd: number | bigint, text: string])[] = [
    [0, '0'],
    [1, '0.000000001'],
    [2_500_000_000, '2.5'],
    [10_000_000_000, '10'],
    [-1, '-0.000000001'],
    [-2_500_000_000, '-2.5'],
    [123_456_789_012_345_678_901n, '123456789012.345678901'],
  ];
  for (const [nanoUsd, text] of rows) assert.equal(writeUsd(nanoUsd), text);
});

test('what is written reads as it was', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (nanoUsd) => {
      assert.deepEqual(readUsd(writeUsd(nanoUsd)), { nanoUsd });
    }),
  );
});
