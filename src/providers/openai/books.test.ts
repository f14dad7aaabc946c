// Tests how OpenAI's books are asked for and read, with answers as its description has them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { books } from './books.ts';

const [completions, embeddings, costs] = books.lists;
const day = Date.UTC(2026, 0, 31);

function pageOf(results: readonly unknown[], rest: object = { has_more: false, next_page: null }): object {
  const bucket = { object: 'bucket', start_time: day / 1000, end_time: day / 1000 + 86_400, results };
  return { object: 'page', data: [bucket], ...rest };
}

test('days are asked for in seconds, by model and by line item, page by page', () => {
  assert.equal(
    completions?.path(day, day + 86_400_000, null),
    '/organization/usage/completions?start_time=1769817600&end_time=1769904000&bucket_width=1d&group_by=model&limit=31',
  );
  assert.match(embeddings?.path(day, day, 'page_A=') ?? '', /^\/organization\/usage\/embeddings\?.*&page=page_A%3D$/u);
  assert.match(costs?.path(day, day, null) ?? '', /^\/organization\/costs\?.*&group_by=line_item&/u);
});

test('usage is read by day and model; what is absent or absurd counts as 0', () => {
  const row = {
    object: 'organization.usage.completions.result',
    input_tokens: 1000,
    input_cached_tokens: 400,
    output_tokens: 500,
    num_model_requests: 5,
    model: 'gpt-4o-2024-08-06',
  };
  const read = completions?.read(pageOf([row, { model: null, input_tokens: -1, output_tokens: '7' }, 7]));
  assert.deepEqual(read, {
    usage: [
      {
        dayMs: day,
        model: 'gpt-4o-2024-08-06',
        requests: 5,
        inputTokens: 1000,
        cachedTokens: 400,
        outputTokens: 500,
      },
      { dayMs: day, model: '(no model)', requests: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0 },
    ],
    costs: [],
    nextPage: null,
  });
});

test('costs are read by the model of their line item, in nano-dollars', () => {
  const cost = (item: string | null, value: unknown): object => ({
    object: 'organization.costs.result',
    amount: { value, currency: 'usd' },
    line_item: item,
  });
  const rows: readonly (readonly [item: string | null, value: unknown, model: string, nanoUsd: number])[] = [
    ['gpt-4o-2024-08-06, cached input', 0.06, 'gpt-4o-2024-08-06', 60_000_000],
    ['gpt-4o-2024-08-06, output', '0.000000001', 'gpt-4o-2024-08-06', 1],
    ['Image models', 1.5, 'Image models', 1_500_000_000],
    [null, 0.1 + 0.2, '(no line item)', 300_000_000],
  ];
  const read = costs?.read(pageOf(rows.map(([item, value]) => cost(item, value))));
  assert.deepEqual(
    read?.costs,
    rows.map(([, , model, nanoUsd]) => ({ dayMs: day, model, nanoUsd })),
  );
  assert.deepEqual(costs?.read(pageOf([cost('x', 'much')]))?.costs, []);
});

test('the next page is the one that is named, while there is more', () => {
  assert.equal(costs?.read(pageOf([], { has_more: true, next_page: 'page_B' }))?.nextPage, 'page_B');
  assert.equal(costs?.read(pageOf([], { has_more: false, next_page: 'page_B' }))?.nextPage, null);
  assert.equal(costs?.read(pageOf([], { has_more: true, next_page: null }))?.nextPage, null);
});

test('what is no page is none', () => {
  for (const body of [undefined, null, 7, [], {}, { data: {} }, { error: { message: 'no' } }])
    assert.equal(costs?.read(body), undefined, JSON.stringify(body));
});

test('names that only the books have lead to the plain ones', () => {
  const rows = [
    ['text-embedding-ada-002-v2', 'text-embedding-ada-002'],
    ['gpt-3.5-turbo-instruct:20230824-v2', 'gpt-3.5-turbo-instruct'],
    ['gpt-4o-2024-08-06', 'gpt-4o-2024-08-06'],
    ['ft:gpt-4o:org::my-v2', 'ft:gpt-4o:org::my-v2'],
  ] as const;
  for (const [model, name] of rows) assert.equal(books.plainName(model), name);
});
