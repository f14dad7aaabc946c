// Tests the resource /requests: its shape, its filters, its pages, and that what a client has its answer of is there.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { newId } from '../../src/lib/id.ts';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import { openLedgerStore } from '../../src/storage/open-ledger-store.ts';
import { ledgerEntry } from '../support/ledger.ts';
import { startManagement, type TestManagement } from '../support/management.ts';
import { chat, startRig } from '../support/rig.ts';
import { ledgerUrlOf } from '../support/test-database.ts';

const noon = Date.UTC(2026, 4, 10, 12);

async function startWith(context: TestContext, entries: readonly LedgerEntry[]): Promise<TestManagement> {
  const api = await startManagement(context);
  const store = await openLedgerStore(ledgerUrlOf(api.file));
  await store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries });
  await store.close();
  return api;
}

test('a request is shown with its attempts, times and money as people read them', async (t) => {
  const id = newId('req', noon);
  const entry = ledgerEntry(noon, {
    request: { id, key_id: 'key_1', is_stream: true, cost_nano_usd: 3_127_500, chosen_because: 'the only one left' },
    attempts: [
      {
        account_id: 'acc_1',
        status: 429,
        outcome: 'rate_limited',
        failure: 'rate_limited',
        usage_source: 'none',
        cost_nano_usd: 0,
      },
      { account_id: 'acc_2', usage_source: 'estimated', cost_nano_usd: null },
    ],
  });
  const api = await startWith(t, [entry]);
  const { status, json } = await api.call('GET', `/requests/${id}`);
  const usage = {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    audio_prompt_tokens: 0,
    audio_completion_tokens: 0,
  };
  const attempt = { provider_id: 'openai', model: 'alpha', ttft_ms: 40, duration_ms: 50 };
  assert.equal(status, 200);
  assert.deepEqual(json, {
    id,
    created_at: '2026-05-10T12:00:00.000Z',
    endpoint: '/v1/chat/completions',
    model: 'alpha',
    key_id: 'key_1',
    stream: true,
    status: 200,
    outcome: 'ok',
    error_code: null,
    usage,
    usage_source: 'upstream',
    cost_usd: '0.0031275',
    queued_ms: 0,
    ttft_ms: 40,
    duration_ms: 50,
    chosen_because: 'the only one left',
    attempts: [
      {
        ...attempt,
        n: 1,
        account_id: 'acc_1',
        status: 429,
        outcome: 'rate_limited',
        failure: 'rate_limited',
        started_at: '2026-05-10T12:00:00.000Z',
        usage: null,
        usage_source: 'none',
        cost_usd: '0',
      },
      {
        ...attempt,
        n: 2,
        account_id: 'acc_2',
        status: 200,
        outcome: 'ok',
        failure: null,
        started_at: '2026-05-10T12:00:00.001Z',
        usage,
        usage_source: 'estimated',
        cost_usd: null,
      },
    ],
  });
  const { json: page } = await api.call('GET', '/requests');
  assert.deepEqual(page, { data: [json], next_cursor: null });
  const missing = await api.call('GET', '/requests/req_nobody');
  assert.deepEqual(
    [missing.status, missing.json.error.code, missing.json.error.message],
    [404, 'not_found', 'There is no such request.'],
  );
});

test('filters and pages', async (t) => {
  const entries = Array.from({ length: 25 }, (_, n) =>
    ledgerEntry(noon + n * 3_600_000, {
      request: {
        model: n % 2 === 0 ? 'alpha' : 'beta',
        key_id: n % 3 === 0 ? 'key_1' : null,
        outcome: n % 5 === 0 ? 'timeout' : 'ok',
      },
      attempts: [{ account_id: 'acc_1' }, { account_id: n % 4 === 0 ? 'acc_2' : 'acc_1' }],
    }),
  );
  const api = await startWith(t, entries);
  const numbers = async (query: string): Promise<number[]> => {
    const { status, json, text } = await api.call('GET', `/requests?${query}`);
    assert.equal(status, 200, text);
    return json.data.map(({ id }: { id: string }) => entries.findIndex(({ request }) => request.id === id));
  };
  const rows: [query: string, fits: (n: number) => boolean][] = [
    ['', () => true],
    ['model=alpha', (n) => n % 2 === 0],
    ['account_id=acc_2', (n) => n % 4 === 0],
    ['key_id=key_1', (n) => n % 3 === 0],
    ['outcome=timeout', (n) => n % 5 === 0],
    ['outcome=ok&account_id=acc_2', (n) => n % 5 !== 0 && n % 4 === 0],
    ['outcome=timeout&account_id=acc_2&model=alpha&key_id=key_1', (n) => n === 0],
    ['from=2026-05-11', (n) => n >= 12],
    ['to=2026-05-11', (n) => n < 12],
    ['from=2026-05-10T13:00:00Z&to=2026-05-10T15:00:00.001Z', (n) => n >= 1 && n <= 3],
    ['from=2026-05-10T21:00:00%2B08:00', (n) => n >= 1],
    ['to=9999-12-31', () => true],
    ['from=0001-01-01', () => true],
    ['model=nothing', () => false],
  ];
  for (const [query, fits] of rows) {
    const expected = entries.map((_, n) => n).filter(fits);
    assert.deepEqual(await numbers(query), expected.reverse(), query);
  }
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { json }: { json: { data: { id: string }[]; next_cursor: string | null } } = await api.call(
      'GET',
      `/requests?limit=4&model=alpha${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    assert.ok(json.data.length <= 4);
    seen.push(...json.data.map(({ id }) => id));
    cursor = json.next_cursor;
  }
  assert.deepEqual(seen, entries.flatMap(({ request }) => (request.model === 'alpha' ? [request.id] : [])).reverse());
});

test('what is wrong with a query is told by its field', async (t) => {
  const api = await startWith(t, []);
  const rows: [query: string, param: string][] = [
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['cursor=nonsense!', 'cursor'],
    ['outcome=good', 'outcome'],
    ['from=yesterday', 'from'],
    ['to=2026-02-30', 'to'],
    ['from=2026-02-02&to=2026-02-01', 'to'],
    ['from=2026-02-02&to=2026-02-02', 'to'],
    ['account=acc_1', 'account'],
  ];
  for (const [query, param] of rows) {
    const { status, json } = await api.call('GET', `/requests?${query}`);
    assert.deepEqual([status, json.error.code, json.error.param], [400, 'invalid_request', param], query);
  }
});

test('a ledger that cannot catch up is waited for a second, and what there is is answered', async (t) => {
  const api = await startWith(t, [ledgerEntry(noon)]);
  let isAsked = false;
  api.sync = () => {
    isAsked = true;
    return new Promise(() => {});
  };
  const { status, json } = await api.call('GET', '/requests');
  assert.deepEqual([status, json.data.length, isAsked], [200, 1, true]);
  api.sync = () => Promise.reject(new Error('no disk'));
  assert.equal((await api.call('GET', '/usage')).status, 200);
});

test('who has an answer finds its request, with what it used and cost', async () => {
  await using rig = await startRig();
  for (let n = 0; n < 5; n += 1) {
    const answer = await rig.post('/v1/chat/completions', chat('gpt-4'));
    const { usage } = (await answer.json()) as { usage: { prompt_tokens: number; completion_tokens: number } };
    const id = answer.headers.get('x-aigateway-request-id') ?? '';
    const request = await rig.manage<Record<string, unknown>>('GET', `/requests/${id}`);
    assert.equal(request['outcome'], 'ok');
    assert.equal(request['usage_source'], 'upstream');
    const { prompt_tokens: prompt, completion_tokens: completion } = request['usage'] as typeof usage;
    assert.deepEqual([prompt, completion], [usage.prompt_tokens, usage.completion_tokens]);
    assert.equal((request['attempts'] as unknown[]).length, 1);
    const { data } = await rig.manage<{ data: { requests: number; prompt_tokens: number }[] }>('GET', '/usage');
    assert.deepEqual([data.length, data[0]?.requests, data[0]?.prompt_tokens], [1, n + 1, prompt * (n + 1)]);
  }
  const { data } = await rig.manage<{ data: unknown[] }>('GET', `/requests?account_id=${rig.accounts[0]}&outcome=ok`);
  assert.equal(data.length, 5);
});

test('a key that a client sends in place of a model is on record as one, and not itself', async () => {
  await using rig = await startRig();
  // The latter goes to an upstream, and costs an attempt.
  for (const model of ['sk-pasted-by-mistake-0001', 'openai/sk-pasted-by-mistake-0001'])
    await (await rig.post('/v1/chat/completions', chat(model))).text();
  const { data } = await rig.manage<{ data: { model: string; attempts: { model: string }[] }[] }>('GET', '/requests');
  assert.deepEqual(
    data.map(({ model, attempts }) => [model, attempts.map((attempt) => attempt.model)]),
    [
      ['openai/[secret]', ['[secret]']],
      ['[secret]', []],
    ],
  );
  assert.ok(!JSON.stringify(data).includes('pasted'));
});
