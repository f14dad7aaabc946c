// Tests which reasons a difference gets, as a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Evidence, Line, Side } from './compare.ts';
import { reasonsOf, reasonTable, sentenceOf, type Circumstances, type ReasonCode } from './reasons.ts';

const side: Side = { requests: 10, inputTokens: 1000, cachedTokens: 0, outputTokens: 500, nanoUsd: 1_000_000 };
const none: Side = { requests: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, nanoUsd: null };
const noBorder = { requests: 0, inputTokens: 0, outputTokens: 0 };

interface Row {
  readonly name: string;
  readonly ours?: Partial<Side>;
  readonly theirs?: Partial<Side>;
  readonly evidence?: Partial<Evidence>;
  readonly isCountedThere?: boolean;
  readonly circumstances?: Partial<Circumstances>;
  readonly reasons: readonly (readonly [ReasonCode, number])[];
}

const more = (requests: number): Partial<Side> => ({
  requests: 10 + requests,
  inputTokens: 1000 + 100 * requests,
  outputTokens: 500 + 50 * requests,
  nanoUsd: 1_000_000 + 100_000 * requests,
});

const one = { requests: 1, inputTokens: 100, outputTokens: 50 };

const rows: readonly Row[] = [
  { name: 'no difference', reasons: [] },
  { name: 'no difference, though some was estimated', evidence: { estimated: 3, unanswered: 2 }, reasons: [] },
  { name: 'no difference on an open day', circumstances: { isOpen: true }, reasons: [] },
  { name: 'calls of theirs', theirs: more(3), reasons: [['not_through_gateway', 3]] },
  {
    name: 'calls of theirs, on an open day',
    theirs: more(3),
    circumstances: { isOpen: true },
    reasons: [
      ['not_through_gateway', 3],
      ['still_open', 0],
    ],
  },
  { name: 'as many as were killed', theirs: more(2), evidence: { unknownEnd: 2 }, reasons: [['unknown_end', 2]] },
  {
    name: 'more than were killed',
    theirs: more(3),
    evidence: { unknownEnd: 2 },
    reasons: [
      ['not_through_gateway', 1],
      ['unknown_end', 2],
    ],
  },
  {
    name: 'silent in every way',
    theirs: more(3),
    evidence: { unknownEnd: 1, withoutUsage: 1, unanswered: 1 },
    reasons: [
      ['unknown_end', 1],
      ['without_usage', 1],
      ['unanswered', 1],
    ],
  },
  { name: 'calls that they lack', theirs: more(-2), reasons: [['not_in_their_books', 2]] },
  {
    name: 'calls that they lack on an open day',
    theirs: none,
    isCountedThere: false,
    circumstances: { isOpen: true },
    reasons: [
      ['still_open', 0],
      ['not_in_their_books', 10],
      ['cost_not_booked', 0],
    ],
  },
  {
    name: 'a cut stream that they bill in full',
    theirs: { outputTokens: 600, nanoUsd: 1_100_000 },
    evidence: { estimated: 1 },
    reasons: [['estimated', 1]],
  },
  { name: 'other tokens for the same calls', theirs: { outputTokens: 600 }, reasons: [['unexplained', 0]] },
  {
    name: 'another share cached',
    theirs: { cachedTokens: 400, nanoUsd: 900_000 },
    reasons: [['cached_tokens', 0]],
  },
  {
    name: 'calls that leave over midnight',
    theirs: more(-1),
    evidence: { leaving: one },
    reasons: [['day_border', 1]],
  },
  {
    name: 'calls that arrive over midnight',
    theirs: more(1),
    evidence: { arriving: one },
    reasons: [['day_border', 1]],
  },
  {
    name: 'one that arrives and two from elsewhere',
    theirs: more(3),
    evidence: { arriving: one },
    reasons: [
      ['not_through_gateway', 2],
      ['day_border', 1],
    ],
  },
  { name: 'another price', theirs: { nanoUsd: 2_000_000 }, reasons: [['price_differs', 0]] },
  {
    name: 'a price that was changed later',
    theirs: { nanoUsd: 2_000_000 },
    circumstances: { repriceable: 10 },
    reasons: [['price_changed', 10]],
  },
  {
    name: 'no price of ours',
    ours: { nanoUsd: null },
    evidence: { unpriced: 10 },
    reasons: [['unpriced', 10]],
  },
  { name: 'tokens without a bill', theirs: { nanoUsd: null }, reasons: [['cost_not_booked', 0]] },
  {
    name: 'tokens without a bill yet',
    theirs: { nanoUsd: null },
    circumstances: { isOpen: true },
    reasons: [
      ['still_open', 0],
      ['cost_not_booked', 0],
    ],
  },
  { name: 'a free model that is not on the bill', ours: { nanoUsd: 0 }, theirs: { nanoUsd: null }, reasons: [] },
  { name: 'nano-dollars', theirs: { nanoUsd: 1_000_900 }, reasons: [['rounding', 0]] },
  {
    name: 'nano-dollars on an open day',
    theirs: { nanoUsd: 1_000_900 },
    circumstances: { isOpen: true },
    reasons: [['rounding', 0]],
  },
  {
    name: 'a bill about something else',
    ours: none,
    theirs: { ...none, nanoUsd: 5_000_000 },
    isCountedThere: false,
    reasons: [['other_service', 0]],
  },
];

test('every difference gets its likely reasons', () => {
  for (const { name, ours, theirs, evidence, isCountedThere = true, circumstances, reasons } of rows) {
    const line: Line = {
      dayMs: 0,
      model: 'large',
      ours: { ...side, ...ours },
      theirs: { ...side, ...theirs },
      evidence: {
        models: ['large'],
        unpriced: 0,
        estimated: 0,
        unknownEnd: 0,
        withoutUsage: 0,
        unanswered: 0,
        leaving: noBorder,
        arriving: noBorder,
        ...evidence,
      },
      isCountedThere,
    };
    const found = reasonsOf(line, { isOpen: false, repriceable: 0, ...circumstances });
    assert.deepEqual(
      found.map(({ code, count }) => [code, count]),
      reasons,
      name,
    );
  }
});

test('the table above has every reason', () => {
  const named = new Set(rows.flatMap(({ reasons }) => reasons.map(([code]) => code)));
  assert.deepEqual([...named].sort(), Object.keys(reasonTable).sort());
});

test('sentences speak of one and of many', () => {
  assert.match(sentenceOf({ code: 'estimated', count: 1 }), /of 1 attempt of/u);
  assert.match(sentenceOf({ code: 'not_through_gateway', count: 3 }), /^3 calls of theirs/u);
});
