// Tests the fake OpenAI's own books: what is billed, in which bucket, grouped by what, and who may read them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { parseScript } from '../../src/mock/script.ts';
import type { Mock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { chat, errorOf, KEY, post, start } from './support.ts';

const adminKey = 'sk-admin-0123456789abcdef';
const dayStart = Date.UTC(2026, 10, 20) / 1000;

function books(mock: Mock, path: string, key: string = adminKey): Promise<Response> {
  return fetch(`${mock.url}/v1/organization/${path}`, { headers: { authorization: `Bearer ${key}` } });
}

interface Page {
  data: { start_time: number; end_time: number; results: Record<string, unknown>[] }[];
  has_more: boolean;
  next_page: string | null;
}

async function page(mock: Mock, path: string): Promise<Page> {
  const response = await books(mock, path);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Page;
}

async function over(mock: Mock): Promise<void> {
  await eventually('all answers are over', () => mock.journal().entries.every(({ open }) => !open));
}

test("OpenAI's own client reads what was used, grouped by model, and what it cost, by line item", async (t) => {
  const mock = await start(t, { now: () => (dayStart + 60) * 1000 });
  await post(mock, chat({ max_tokens: 4 }));
  await post(mock, chat({ max_tokens: 4 }));
  await post(mock, chat({ model: 'gpt-fault-500' }));
  await post(mock, { model: 'text-embedding-3-small', input: 'one two' }, { path: '/v1/embeddings' });
  await over(mock);
  const { usage } = new OpenAI({ adminAPIKey: adminKey, baseURL: `${mock.url}/v1`, maxRetries: 0 }).admin.organization;
  const asked = { start_time: dayStart, end_time: dayStart + 86_400 };
  const [chats] = (await usage.completions({ ...asked, group_by: ['model'] })).data;
  assert.deepEqual([chats?.start_time, chats?.end_time], [dayStart, dayStart + 86_400]);
  const [entry] = mock.journal().entries;
  assert.ok(entry && entry.prompt_tokens > 0);
  assert.equal(chats?.results.length, 1);
  const [row] = chats.results;
  assert.ok(row?.object === 'organization.usage.completions.result');
  assert.deepEqual(
    [row.model, row.num_model_requests, row.input_tokens, row.output_tokens, row.input_cached_tokens, row.project_id],
    ['gpt-4o-2024-08-06', 2, 2 * entry.prompt_tokens, 8, 0, null],
  );
  const [vectors] = (await usage.embeddings({ ...asked, group_by: ['model'] })).data;
  assert.equal(vectors?.results[0]?.object, 'organization.usage.embeddings.result');
  const [costs] = (await usage.costs({ ...asked, group_by: ['line_item'] })).data;
  const lines = costs?.results.map((line) =>
    line.object === 'organization.costs.result' ? [line.line_item, line.amount?.value, line.quantity] : [],
  );
  assert.deepEqual(lines, [
    ['gpt-4o-2024-08-06, input', (2 * entry.prompt_tokens * 2500) / 1e9, 2 * entry.prompt_tokens],
    ['gpt-4o-2024-08-06, output', (8 * 10_000) / 1e9, 8],
    ['text-embedding-3-small, input', (2 * 20) / 1e9, 2],
  ]);
});

test('many days come in pages, empty ones too, and hours and minutes are buckets as well', async (t) => {
  const calls = Array.from({ length: 40 }, (_, n) => ({
    at: dayStart - n * 86_400 + 5400,
    model: 'gpt-4o',
    input_tokens: 10,
    output_tokens: n,
  })).filter((_, n) => n !== 20);
  const mock = await start(t, { script: { books: { calls } }, now: () => (dayStart + 86_400) * 1000 });
  const from = dayStart - 39 * 86_400;
  const query = `usage/completions?start_time=${from}&group_by=model&limit=31`;
  const first = await page(mock, query);
  assert.deepEqual([first.data.length, first.has_more], [31, true]);
  const second = await page(mock, `${query}&page=${first.next_page}`);
  assert.deepEqual([second.data.length, second.has_more, second.next_page], [9, false, null]);
  const all = [...first.data, ...second.data];
  assert.deepEqual(
    all.map(({ start_time: at }) => at),
    Array.from({ length: 40 }, (_, n) => from + n * 86_400),
  );
  assert.deepEqual(
    all.map(({ results }) => results[0]?.['output_tokens']),
    Array.from({ length: 40 }, (_, n) => (n === 19 ? undefined : 39 - n)),
  );
  assert.equal((await page(mock, `costs?start_time=${from}&limit=180`)).data.length, 40);
  const hours = await page(mock, `usage/completions?start_time=${dayStart}&bucket_width=1h`);
  assert.deepEqual(
    hours.data.flatMap(({ start_time: at, results }) => (results.length > 0 ? [at] : [])),
    [dayStart + 3600],
  );
  const minutes = await page(mock, `usage/completions?start_time=${dayStart + 5400}&bucket_width=1m&limit=2`);
  assert.deepEqual(
    minutes.data.map(({ results }) => results.length),
    [1, 0],
  );
});

test('a listed admin key sees its own organization, and rows can be told apart by project and key', async (t) => {
  const script = {
    keys: {
      [KEY]: { organization: 'org-a', project: 'proj_1' },
      'sk-test-b': { organization: 'org-b' },
      [adminKey]: { organization: 'org-a' },
    },
  };
  const mock = await start(t, { script });
  for (const key of [KEY, KEY, 'sk-test-b']) await post(mock, chat(), { key });
  await over(mock);
  const query = `usage/completions?start_time=${Math.floor(Date.now() / 1000) - 60}&group_by=project_id&group_by=api_key_id`;
  const results = (await page(mock, query)).data.flatMap((bucket) => bucket.results);
  assert.deepEqual(
    results.map((row) => [row['project_id'], row['num_model_requests']]),
    [['proj_1', 2]],
  );
  assert.match(String(results[0]?.['api_key_id']), /^key_[0-9a-f]{16}$/u);
  const none = await page(mock, `${query}&project_ids=proj_2`);
  assert.deepEqual(
    none.data.flatMap((bucket) => bucket.results),
    [],
  );
  const everybody = (await (await books(mock, query, 'sk-admin-another')).json()) as Page;
  assert.equal(everybody.data.flatMap((bucket) => bucket.results).length, 2);
});

test('a cut stream is billed for what was sent or, if the script says so, as a whole; missing models have no rows', async (t) => {
  const at = Math.floor(Date.now() / 1000) - 60;
  const output = async (mock: Mock): Promise<unknown> =>
    (await page(mock, `usage/completions?start_time=${at}`)).data.flatMap((bucket) => bucket.results)[0]?.[
      'output_tokens'
    ];
  const model = { 'gpt-4o': { chunks: 20, fault: 'reset-mid-stream' } };
  const mock = await start(t, { script: { models: model } });
  await post(mock, chat({ stream: true })).then((response) => response.text().catch(() => ''));
  await over(mock);
  const sent = mock.journal().entries[0]?.completion_tokens_sent ?? 0;
  assert.ok(sent > 0 && sent < 20);
  assert.equal(await output(mock), sent);
  mock.setScript({ models: model, books: { cut_streams: 'whole' } });
  assert.equal(await output(mock), 20);
  mock.setScript({ models: model, books: { missing_models: ['gpt-4o'] } });
  assert.equal(await output(mock), undefined);
});

test('only an admin key reads the books, and it does nothing else', async (t) => {
  const mock = await start(t, { script: { bad_keys: ['sk-admin-bad'] } });
  const path = `costs?start_time=${dayStart}`;
  const normal = await books(mock, path, KEY);
  assert.equal(normal.status, 403);
  assert.match(String((await errorOf(normal))['message']), /Missing scopes: api\.usage\.read/u);
  assert.equal((await books(mock, path, 'sk-admin-bad')).status, 401);
  assert.equal((await post(mock, chat(), { key: adminKey })).status, 403);
});

test('what is wrong with a question is said as OpenAI does', async (t) => {
  const mock = await start(t);
  const rows: [path: string, status: number, param: string | null][] = [
    ['usage/completions', 400, 'start_time'],
    [`usage/completions?start_time=${dayStart}&limit=32`, 400, 'limit'],
    [`usage/completions?start_time=${dayStart}&bucket_width=1w`, 400, 'bucket_width'],
    [`costs?start_time=${dayStart}&bucket_width=1h`, 400, 'bucket_width'],
    [`costs?start_time=${dayStart}&group_by=model`, 400, 'group_by'],
    [`costs?start_time=${dayStart}&page=7`, 400, 'page'],
    [`usage/dreams?start_time=${dayStart}`, 404, null],
  ];
  for (const [path, status, param] of rows) {
    const response = await books(mock, path);
    assert.deepEqual([response.status, (await errorOf(response))['param']], [status, param], path);
  }
  assert.throws(() => parseScript('{"books":{"calls":[{"at":1}]}}'), /books\.calls\.0\.model/u);
});
