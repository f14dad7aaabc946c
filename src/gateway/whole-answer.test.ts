// Tests what is read of an answer in one piece: whether it is whole, an error in disguise, and what it used.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readWholeAnswer, type WholeAnswer } from './whole-answer.ts';

const nothing: WholeAnswer = { isWhole: true, isError: false, rawUsage: undefined, serviceTier: undefined };

const answers: readonly (readonly [body: string, read: Partial<WholeAnswer>])[] = [
  ['{}', {}],
  [' {"choices":[]}\r\n', {}],
  ['', { isWhole: false }],
  ['[]', { isWhole: false }],
  ['{"choices":[]} x', { isWhole: false }],
  ['{"choices":[]', { isWhole: false }],
  ['{"error":{"message":"No."}}', { isError: true }],
  ['{"error":"No."}', { isError: true }],
  ['{"error":null}', {}],
  ['{"error":{"message":"No."}} x', { isWhole: false }],
  ['{"error":{"message":"No."},"choices":[]}', {}],
  ['{"data":[],"error":{"message":"No."}}', {}],
  ['{"result":{"error":{}}}', {}],
  ['{"usage":{"prompt_tokens": 1}}', { rawUsage: '{"prompt_tokens": 1}' }],
  ['{"usage":{"a":1},"usage":{"a":2}}', { rawUsage: '{"a":2}' }],
  ['{"usage":{"a":1},"usage":null}', { rawUsage: '{"a":1}' }],
  ['{"usage":[1]}', {}],
  ['{"choices":[{"usage":{"a":1},"service_tier":"flex"}]}', {}],
  ['{"service_tier":"flex"}', { serviceTier: 'flex' }],
  ['{"service_tier":null}', {}],
  ['{"service_tier":"flex","service_tier":7}', { serviceTier: 'flex' }],
];

for (const [body, read] of answers)
  test(`of ${JSON.stringify(body)}`, () =>
    assert.deepEqual(readWholeAnswer(Buffer.from(body)), { ...nothing, ...read }));
