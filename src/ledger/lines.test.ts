// What is written to the spool is what is read from it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AttemptRecord, RequestRecord } from '../core/record.ts';
import { encodeLine, readMark, readRecord } from './lines.ts';

const count = fc.nat(2 ** 40);
const text = fc.string({ unit: 'binary', maxLength: 20 });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const usage = maybe(
  fc.record(
    {
      prompt_tokens: count,
      completion_tokens: count,
      total_tokens: count,
      cached_tokens: count,
      cache_write_tokens: count,
      reasoning_tokens: count,
      audio_prompt_tokens: count,
      audio_completion_tokens: count,
    },
    { noNullPrototype: true },
  ),
);
const usageSource = fc.constantFrom('upstream', 'estimated', 'none');
const outcome = fc.constantFrom('ok', 'timeout', 'unknown');

const attempt = fc.record(
  {
    n: count,
    accountId: text,
    providerId: text,
    model: text,
    startedAtMs: count,
    status: maybe(count),
    outcome,
    failure: maybe(fc.constant('rate_limited')),
    mayHaveReachedUpstream: fc.boolean(),
    firstByteMs: maybe(count),
    durationMs: count,
    usage,
    usageSource,
    rawUsage: maybe(text),
    serviceTier: maybe(text),
    upstreamRequestId: maybe(text),
    reservedNanoUsd: maybe(count),
    costNanoUsd: maybe(count),
    priceId: maybe(text),
  },
  { noNullPrototype: true },
) as fc.Arbitrary<AttemptRecord>;

const request = fc
  .record(
    {
      id: fc.stringMatching(/^req_[0-9a-z]{25}$/u),
      createdAtMs: count,
      endpoint: text,
      model: maybe(text),
      keyId: maybe(text),
      budgetPeriod: maybe(
        fc.record({ startMs: count, endMs: fc.oneof(count, fc.constant(Infinity)) }, { noNullPrototype: true }),
      ),
      isStream: fc.boolean(),
      status: maybe(count),
      outcome,
      errorCode: maybe(text),
      usage,
      usageSource,
      costNanoUsd: maybe(count),
      bodyBytes: count,
      answerBytes: count,
      queuedMs: count,
      firstByteMs: maybe(count),
      durationMs: count,
      chosenBecause: maybe(text),
      attempts: fc.array(attempt, { maxLength: 4 }),
    },
    { noNullPrototype: true },
  )
  .map((record) => {
    const [only] = record.attempts;
    return record.attempts.length === 1 && only !== undefined ? { ...record, usage: only.usage } : record;
  }) as fc.Arbitrary<RequestRecord>;

test('a record comes back as it was, and its line is one line', () =>
  fc.assert(
    fc.property(request, fc.constantFrom('intent', 'over'), (record, mark) => {
      const line = encodeLine(mark, record);
      assert.equal(line.indexOf('\n'), line.length - 1);
      assert.deepEqual(readMark(line), { mark, id: record.id });
      assert.deepEqual(readRecord(line), record);
    }),
  ));

test('times are whole milliseconds', () =>
  fc.assert(
    fc.property(request, (record) => {
      const read = readRecord(encodeLine('over', { ...record, createdAtMs: 5.9, durationMs: 7.6, firstByteMs: 1.2 }));
      assert.deepEqual([read?.createdAtMs, read?.durationMs, read?.firstByteMs], [5, 8, 1]);
    }),
    { numRuns: 5 },
  ));

test('a torn line is no record, wherever it is torn', () =>
  fc.assert(
    fc.property(request, fc.nat(), (record, cut) => {
      const line = encodeLine('over', record).trimEnd();
      assert.equal(readRecord(line.slice(0, cut % line.length)), undefined);
    }),
  ));
