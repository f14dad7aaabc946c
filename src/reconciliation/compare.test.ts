// Tests how our sums and the provider's books are laid side by side.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OurSums } from '../core/books.ts';
import { compare, familyOf, type Compared, type Naming } from './compare.ts';

const dayMs = 86_400_000;
const naming: Naming = {
  aliases: new Map([['large-latest', 'large']]),
  plainName: (model) => model.replace(/-v\d$/u, ''),
};

function sums(change: Partial<OurSums> = {}): OurSums {
  return {
    dayMs,
    accountId: 'a',
    providerId: 'p',
    model: 'large',
    requests: 1,
    inputTokens: 10,
    cachedTokens: 0,
    outputTokens: 5,
    nanoUsd: 100,
    unpriced: 0,
    estimated: 0,
    unknownEnd: 0,
    withoutUsage: 0,
    unanswered: 0,
    overMidnight: 0,
    overMidnightInput: 0,
    overMidnightOutput: 0,
    ...change,
  };
}

const linesOf = (change: Partial<Compared>): ReturnType<typeof compare> =>
  compare({ fromMs: dayMs, toMs: 3 * dayMs, ours: [], usage: [], costs: [], ...change }, naming);

test('snapshots, aliases and names of the books lead to the family', () => {
  const rows = [
    ['large', 'large'],
    ['Large-2026-01-31', 'large'],
    ['large-latest', 'large'],
    ['embed-v2', 'embed'],
    ['ft:large-2026-01-31:org::id', 'ft:large'],
    ['Image models', 'image models'],
  ] as const;
  for (const [model, family] of rows) assert.equal(familyOf(model, naming), family);
});

test('accounts and snapshots of a day are one line, days are not', () => {
  const usage = { dayMs, model: 'large-2026-01-31', requests: 2, inputTokens: 20, cachedTokens: 0, outputTokens: 10 };
  const [first, second, ...rest] = linesOf({
    ours: [sums(), sums({ accountId: 'b', model: 'large-2026-01-31' }), sums({ dayMs: 2 * dayMs })],
    usage: [usage],
    costs: [
      { dayMs, model: 'large-2026-01-31', nanoUsd: 150 },
      { dayMs, model: 'large', nanoUsd: 50 },
    ],
  });
  assert.deepEqual(rest, []);
  const both = { requests: 2, inputTokens: 20, cachedTokens: 0, outputTokens: 10, nanoUsd: 200 };
  assert.deepEqual([first?.ours, first?.theirs, first?.isCountedThere], [both, both, true]);
  assert.deepEqual(first?.evidence.models, ['large', 'large-2026-01-31']);
  assert.deepEqual([second?.dayMs, second?.theirs.requests, second?.theirs.nanoUsd], [2 * dayMs, 0, null]);
});

test('money is null where nothing has a price, and counted where something has', () => {
  const unpriced = sums({ unpriced: 1, nanoUsd: 0 });
  assert.equal(linesOf({ ours: [unpriced] })[0]?.ours.nanoUsd, null);
  assert.equal(linesOf({ ours: [unpriced, sums()] })[0]?.ours.nanoUsd, 100);
});

test('what is under way at midnight leaves one day and arrives on the next, the day before the first included', () => {
  const over = { overMidnight: 1, overMidnightInput: 10, overMidnightOutput: 5 };
  const usage = { model: 'large', requests: 1, inputTokens: 10, cachedTokens: 0, outputTokens: 5 };
  const lines = linesOf({
    ours: [sums({ dayMs: 0, ...over }), sums({ dayMs: 2 * dayMs, ...over })],
    usage: [{ dayMs, ...usage }],
  });
  const border = { requests: 1, inputTokens: 10, outputTokens: 5 };
  const none = { requests: 0, inputTokens: 0, outputTokens: 0 };
  assert.deepEqual(
    lines.map((line) => [line.dayMs, line.evidence.arriving, line.evidence.leaving]),
    [
      [dayMs, border, none],
      [2 * dayMs, none, border],
    ],
  );
});

test('a model whose every call was refused makes no line, one whose end is unknown does', () => {
  const refused = sums({ requests: 0, inputTokens: 0, outputTokens: 0, nanoUsd: 0 });
  assert.deepEqual(linesOf({ ours: [refused] }), []);
  assert.equal(linesOf({ ours: [{ ...refused, unknownEnd: 1 }] }).length, 1);
});
