// Tests the prices of the management API: the list, prices of one's own, what is refused, and when it is in force.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TokenUsage } from '../../src/core/usage.ts';
import { newId } from '../../src/lib/id.ts';
import { listPrices } from '../../src/providers/registry.ts';
import { eventually } from '../support/await.ts';
import { startManagement, type Answer, type TestManagement } from '../support/management.ts';
import { runOutside } from '../support/outside-sql.ts';

const usage: TokenUsage = {
  prompt_tokens: 1000,
  completion_tokens: 100,
  total_tokens: 1100,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

function costOf(api: TestManagement, model: string, at = '2026-10-01', providerId = 'openai'): number | undefined {
  const call = { providerId, model, serviceTier: null, usage, atMs: Date.parse(at) };
  return api.configuration.current().prices.cost(call)?.nanoUsd;
}

test('the list shows the built-in prices, read-only, page by page', async (t) => {
  const api = await startManagement(t);
  const ids: string[] = [];
  let cursor = '';
  for (;;) {
    const { json } = await api.call('GET', `/prices?limit=50${cursor}`);
    ids.push(...json.data.map((price: { id: string }) => price.id));
    if (json.next_cursor === null) break;
    cursor = `&cursor=${json.next_cursor}`;
  }
  assert.deepEqual(ids, listPrices.prices.map(({ id }) => id).sort());
  const { json } = await api.call('GET', '/prices/list_gpt-5.4_default');
  assert.match(json.version, /^list_gpt-5\.4_default@[0-9a-f]{8}$/u);
  assert.deepEqual(json, {
    id: 'list_gpt-5.4_default',
    source: 'built_in',
    version: json.version,
    model: 'gpt-5.4',
    provider_id: null,
    tier: 'default',
    effective_from: null,
    input: '2.5',
    cached_input: '0.25',
    cache_write: null,
    output: '15',
    audio_input: null,
    audio_output: null,
    long_context: {
      over_tokens: 271_999,
      input: '5',
      cached_input: '0.5',
      cache_write: null,
      output: '22.5',
      audio_input: null,
      audio_output: null,
    },
    note: 'The list price, known up to 2026-09-23.',
    created_at: null,
  });
  for (const [method, body] of [
    ['PATCH', { output: '1' }],
    ['PUT', { output: '1' }],
    ['DELETE', undefined],
  ] as const) {
    const refused = await api.call(method, '/prices/list_gpt-5.4_default', body);
    assert.deepEqual([refused.status, refused.json.error.code], [409, 'conflict'], method);
    assert.match(refused.json.error.message, /is built in and cannot be changed; add one of your own/u);
  }
});

test("a price of one's own is added, in force at once, changed, listed and deleted", async (t) => {
  const api = await startManagement(t);
  assert.equal(costOf(api, 'gpt-4o'), 3_500_000);
  const created = await api.call('POST', '/prices', {
    model: 'gpt-4o',
    input: '2',
    cached_input: 1,
    output: 9.99,
    effective_from: '2026-09-01',
    note: 'our contract',
  });
  assert.equal(created.status, 201);
  const { id, created_at: createdAt, version, ...rest } = created.json;
  assert.match(id, /^pr_[0-9a-z]{25}$/u);
  assert.match(createdAt, /^\d{4}-\d{2}-\d{2}T/u);
  assert.match(version, new RegExp(`^${id}@[0-9a-f]{8}$`, 'u'));
  assert.deepEqual(rest, {
    source: 'own',
    model: 'gpt-4o',
    provider_id: null,
    tier: 'default',
    effective_from: '2026-09-01T00:00:00.000Z',
    input: '2',
    cached_input: '1',
    cache_write: null,
    output: '9.99',
    audio_input: null,
    audio_output: null,
    long_context: null,
    note: 'our contract',
  });
  assert.equal(costOf(api, 'gpt-4o'), 2_999_000);
  assert.equal(costOf(api, 'gpt-4o-2024-08-06'), 2_999_000);
  assert.equal(costOf(api, 'gpt-4o-2024-05-13'), 6_500_000);
  assert.equal(costOf(api, 'gpt-4o', '2026-08-31T23:59:59.999Z'), 3_500_000);
  const long = { over_tokens: 500, input: '4', output: '18' };
  const changed = await api.call('PATCH', `/prices/${id}`, { output: '10', note: null, long_context: long });
  assert.equal(changed.status, 200);
  assert.deepEqual(
    [changed.json.output, changed.json.input, changed.json.note, changed.json.long_context],
    ['10', '2', null, { ...long, cached_input: null, cache_write: null, audio_input: null, audio_output: null }],
  );
  assert.notEqual(changed.json.version, version);
  assert.equal(costOf(api, 'gpt-4o'), 5_800_000);
  assert.equal((await api.call('PUT', `/prices/${id}`, { long_context: null })).json.long_context, null);
  assert.deepEqual((await api.call('GET', `/prices/${id}`)).json.output, '10');
  assert.equal((await api.call('DELETE', `/prices/${id}`)).status, 204);
  assert.equal(costOf(api, 'gpt-4o'), 3_500_000);
  for (const method of ['GET', 'DELETE']) assert.equal((await api.call(method, `/prices/${id}`)).status, 404);
  assert.equal((await api.call('PATCH', `/prices/${id}`, { output: '1' })).status, 404);
});

test('prices for one provider, for a tier, and for a model that nobody knows', async (t) => {
  const api = await startManagement(t);
  await api.call('POST', '/providers', { id: 'local', base_url: 'http://127.0.0.1:9' });
  const free = { model: 'gpt-4o', provider_id: 'local', input: 0, output: 0, effective_from: '2026-01-01' };
  const refused = await api.call('POST', '/prices', free);
  assert.deepEqual([refused.status, refused.json.error.param], [400, 'input']);
  assert.equal((await api.call('POST', '/prices', { ...free, confirm: true })).status, 201);
  assert.equal(costOf(api, 'gpt-4o', undefined, 'local'), 0);
  assert.equal(costOf(api, 'gpt-4o'), 3_500_000);
  assert.equal(costOf(api, 'my-llama'), undefined);
  const llama = { model: 'My-Llama', input: '0.1', output: '0.2', effective_from: '2026-01-01T01:00:00+01:00' };
  const created = await api.call('POST', '/prices', llama);
  assert.deepEqual(
    [created.status, created.json.model, created.json.effective_from],
    [201, 'My-Llama', '2026-01-01T00:00:00.000Z'],
  );
  assert.equal(costOf(api, 'my-llama-2026-03-01', undefined, 'local'), 120_000);
  const again = await api.call('POST', '/prices', { ...llama, model: 'my-llama' });
  assert.deepEqual([again.status, again.json.error.code, again.json.error.param], [409, 'conflict', 'effective_from']);
  assert.equal((await api.call('POST', '/prices', { ...llama, tier: 'flex', id: 'mine' })).json.id, 'mine');
  const sameId = await api.call('POST', '/prices', { ...llama, tier: 'batch', id: 'mine' });
  assert.deepEqual([sameId.status, sameId.json.error.param], [409, 'id']);
  const ids = async (query: string): Promise<string[]> => {
    const { json } = await api.call('GET', `/prices?${query}`);
    return json.data.map((price: { id: string }) => price.id);
  };
  assert.deepEqual((await ids('model=MY-LLAMA')).toSorted(), ['mine', created.json.id].toSorted());
  assert.equal((await ids('model=gpt-4o&provider_id=local')).length, 5);
  assert.equal((await ids('model=gpt-4o&provider_id=openai')).length, 4);
  assert.deepEqual(await ids('model=gpt-5.6&at=2026-08-20'), [
    'list_gpt-5.6-sol_batch',
    'list_gpt-5.6-sol_default',
    'list_gpt-5.6-sol_flex',
    'list_gpt-5.6-sol_priority',
  ]);
  assert.ok((await ids('model=gpt-5.6&at=2026-08-21')).every((id) => id.endsWith('_2026-08-21')));
});

test('without effective_from a price holds from now on, and since ever where its model had none', async (t) => {
  const api = await startManagement(t);
  const before = Date.now();
  const add = async (body: object): Promise<Record<string, string>> =>
    (await api.call('POST', '/prices', { input: '1', ...body })).json;
  const isNow = ({ effective_from: from = '', created_at: createdAt }: Record<string, string>): boolean =>
    from === createdAt && Date.parse(from) >= before && Date.parse(from) <= Date.now();
  const ever = '1970-01-01T00:00:00.000Z';
  assert.equal((await add({ model: 'my-llama' }))['effective_from'], ever);
  assert.ok(isNow(await add({ model: 'my-llama' })), 'it has one by now');
  assert.ok(isNow(await add({ model: 'my-llama', provider_id: 'openai' })), 'that for all providers is its price');
  assert.ok(isNow(await add({ model: 'gpt-4o', input: '2' })), 'the list has one');
  assert.ok(isNow(await add({ model: 'gpt-4o-2024-11-20', input: '2' })), "its family's counts");
  assert.equal((await add({ model: 'my-mistral', provider_id: 'openai' }))['effective_from'], ever);
  assert.equal((await add({ model: 'my-mistral' }))['effective_from'], ever, 'at other providers it had none');

  await insertCall(api.file, Date.UTC(2026, 4, 1), 'my-qwen');
  await add({ model: 'my-qwen', input: '0.1', output: '0.25' });
  const { json } = await api.call('POST', '/prices/reprice', { from: '2026-01-01' });
  assert.deepEqual([json.changed, json.unpriced_tokens_after], [1, 0]);
});

test('a price a hundred times off needs a word, and the refusal names both numbers', async (t) => {
  const api = await startManagement(t);
  const refusals: readonly (readonly [body: Record<string, unknown>, param: string, message: RegExp])[] = [
    // Typed for a token and not for a million.
    [
      { model: 'gpt-4o', input: 0.0000025, output: 0.00001 },
      'input',
      /input would be 0\.0000025 US dollars .* list_gpt-4o_default asks 2\.5; send "confirm": true if a hundred times less is meant/u,
    ],
    [{ model: 'gpt-4o-2024-08-06', output: '1000' }, 'output', /would be 1000 .* asks 10; .* more is meant/u],
    [{ model: 'gpt-4o-mini-special', input: '15' }, 'input', /list_gpt-4o-mini_default asks 0\.15/u],
    [
      { model: 'gpt-5.6', input: '400', effective_from: '2026-10-01' },
      'input',
      /gpt-5\.6-sol_default_2026-08-21 asks 4/u,
    ],
    [
      { model: 'gpt-5.4', input: '2.5', long_context: { over_tokens: 272_000, input: '500' } },
      'long_context.input',
      /long_context\.input would be 500 .* asks 5/u,
    ],
  ];
  for (const [body, param, message] of refusals) {
    const refused = await api.call('POST', '/prices', body);
    assert.deepEqual([refused.status, refused.json.error.param], [400, param], JSON.stringify(body));
    assert.match(refused.json.error.message, message);
    const confirmed = await api.call('POST', '/prices', { ...body, confirm: true });
    assert.equal(confirmed.status, 201);
    await api.call('DELETE', `/prices/${confirmed.json.id}`);
  }
  // What was confirmed once is what the next change is compared with.
  const { json } = await api.call('POST', '/prices', { id: 'dear', model: 'gpt-4.1', output: '900', confirm: true });
  assert.equal(json.output, '900');
  assert.equal((await api.call('PATCH', '/prices/dear', { output: '901' })).status, 200);
  const back = await api.call('PATCH', '/prices/dear', { output: '9' });
  assert.deepEqual([back.status, back.json.error.param], [400, 'output']);
  assert.match(back.json.error.message, /would be 9 .* where it is now 901/u);
  assert.equal((await api.call('PATCH', '/prices/dear', { output: '9', confirm: true })).status, 200);
});

test('what is wrong with a price is told by field', async (t) => {
  const api = await startManagement(t);
  const good = { model: 'm', input: '1' };
  const rows: readonly (readonly [change: Record<string, unknown>, param: string, message?: RegExp])[] = [
    [{ model: undefined }, 'model', /is required/u],
    [{ model: '' }, 'model'],
    [{ model: 'a b' }, 'model'],
    [{ input: undefined }, 'input', /a price must name one/u],
    [{ input: null }, 'input'],
    [{ input: true }, 'input', /must be an amount in US dollars/u],
    [{ input: '-1' }, 'input', /must be an amount in US dollars/u],
    [{ input: '$1' }, 'input'],
    [{ input: '0.0000000001' }, 'input', /no more than 9 digits/u],
    [{ input: 1e-10 }, 'input', /no more than 9 digits/u],
    [{ output: '99999999' }, 'output', /at most 9007199/u],
    [{ price: '1' }, 'price', /There is no field price/u],
    [{ source: 'own' }, 'source', /is read-only/u],
    [{ provider_id: 'nobody' }, 'provider_id', /there is no "nobody"/u],
    [{ tier: 'Flex' }, 'tier'],
    [{ tier: '' }, 'tier'],
    [{ effective_from: 'yesterday' }, 'effective_from', /must be a time such as/u],
    [{ effective_from: '2026-01-01T00:00:00' }, 'effective_from', /must be a time such as/u],
    [{ effective_from: '2026-13-01' }, 'effective_from', /must be a time that exists/u],
    [{ effective_from: '2026-02-30' }, 'effective_from', /must be a time that exists/u],
    [{ effective_from: '2026-02-29T12:00:00Z' }, 'effective_from', /must be a time that exists/u],
    [{ effective_from: '9999-12-31T23:00:00-01:00' }, 'effective_from', /must be a time that exists/u],
    [{ effective_from: 5 }, 'effective_from'],
    [{ long_context: {} }, 'long_context.over_tokens'],
    [{ long_context: { over_tokens: 0 } }, 'long_context.over_tokens'],
    [{ long_context: { over_tokens: 1, input: 'x' } }, 'long_context.input'],
    [{ long_context: { over_tokens: 1, output: '1', extra: 1 } }, 'long_context.extra'],
    [{ id: 'list_mine' }, 'id'],
    [{ confirm: 'yes' }, 'confirm'],
    [{ note: 1 }, 'note'],
  ];
  for (const [change, param, message] of rows) {
    const refused = await api.call('POST', '/prices', { ...good, ...change });
    assert.deepEqual([refused.status, refused.json.error.param], [400, param], JSON.stringify(change));
    if (message !== undefined) assert.match(refused.json.error.message, message);
  }
  assert.equal((await api.call('GET', '/prices?at=soon')).json.error.param, 'at');
  assert.equal((await api.call('GET', '/prices?cursor=nonsense')).json.error.param, 'cursor');
});

test('a price written by SQL holds within two seconds; one that cannot be read is left out, told and shown', async (t) => {
  const api = await startManagement(t);
  await runOutside(
    api.file,
    "INSERT INTO prices (id, model, effective_from, input_nano_usd, output_nano_usd) VALUES ('by-sql', 'GPT-4o', '2026-01-01', 1000000000, 2000000000)",
  );
  await eventually('the price is in force', async () => costOf(api, 'gpt-4o') === 1_200_000, 2000);
  await runOutside(api.file, "UPDATE prices SET effective_from = '2026-02-30'");
  await api.configuration.reload();
  assert.match(api.configuration.current().problems.join(), /price "by-sql" has an effective_from that is no time/u);
  await runOutside(api.file, "UPDATE prices SET effective_from = 'last week'");
  await eventually('the price is out of force', async () => costOf(api, 'gpt-4o') === 3_500_000, 2000);
  assert.match(api.configuration.current().problems.join(), /price "by-sql" has an effective_from that is no time/u);
  const { json } = await api.call('GET', '/prices/by-sql');
  assert.deepEqual([json.effective_from, json.version, json.input], ['last week', null, '1']);
  const listed = await api.call('GET', '/prices?model=gpt-4o');
  assert.ok(listed.json.data.some(({ id }: { id: string }) => id === 'by-sql'));
  assert.equal((await api.call('PATCH', '/prices/by-sql', { effective_from: '2026-02-01' })).status, 200);
  assert.equal(costOf(api, 'gpt-4o'), 1_200_000);
});

test('the past is priced again on request', async (t) => {
  const api = await startManagement(t);
  const empty = await api.call('POST', '/prices/reprice', { from: '2026-01-01', dry_run: true });
  assert.deepEqual(
    [empty.status, empty.json],
    [
      200,
      {
        dry_run: true,
        attempts: 0,
        changed: 0,
        cost_usd_before: '0',
        cost_usd_after: '0',
        unpriced_tokens_before: 0,
        unpriced_tokens_after: 0,
      },
    ],
  );
  await insertCall(api.file, Date.UTC(2026, 4, 1), 'my-llama');
  const unknown = await api.call('POST', '/prices/reprice', { from: '2026-01-01' });
  assert.deepEqual([unknown.json.attempts, unknown.json.changed, unknown.json.unpriced_tokens_after], [1, 0, 1100]);
  await api.call('POST', '/prices', { model: 'my-llama', input: '0.1', output: '0.25', effective_from: '2026-01-01' });
  const priced = await api.call('POST', '/prices/reprice', { from: '2026-05-01', to: '2026-05-02', model: 'My-Llama' });
  assert.deepEqual(priced.json, {
    dry_run: false,
    attempts: 1,
    changed: 1,
    cost_usd_before: '0',
    cost_usd_after: '0.000125',
    unpriced_tokens_before: 1100,
    unpriced_tokens_after: 0,
  });
  assert.equal((await api.call('POST', '/prices/reprice', { from: '2026-05-02' })).json.attempts, 0);
  assert.ok(api.logged.some(({ fields }) => fields['resource_id'] === 'reprice'));
  const rows: readonly (readonly [body: Record<string, unknown>, param: string])[] = [
    [{}, 'from'],
    [{ from: 'x' }, 'from'],
    [{ from: '2026-01-02', to: '2026-01-02' }, 'to'],
    [{ from: '2999-01-01' }, 'to'],
    [{ from: '2026-01-01', model: '' }, 'model'],
    [{ from: '2026-01-01', dry_run: 'yes' }, 'dry_run'],
    [{ from: '2026-01-01', until: '2026-01-02' }, 'until'],
  ];
  for (const [body, param] of rows) {
    const refused = await api.call('POST', '/prices/reprice', body);
    assert.deepEqual([refused.status, refused.json.error.param], [400, param], JSON.stringify(body));
  }
});

/** A call of the past without a price, as the ledger would have written it. */
async function insertCall(file: string, atMs: number, model: string): Promise<void> {
  const id = newId('req', atMs);
  await runOutside(
    file,
    `BEGIN; INSERT INTO requests (id, created_at_ms, endpoint, model, is_stream, outcome, usage_source, prompt_tokens, completion_tokens, total_tokens, queued_ms, duration_ms, body_bytes, answer_bytes)
       VALUES ('${id}', ${atMs}, 'chat', '${model}', false, 'ok', 'upstream', 1000, 100, 1100, 0, 5, 1, 1);
     INSERT INTO attempts (request_id, n, account_id, provider_id, model, outcome, started_at_ms, usage_source, prompt_tokens, completion_tokens, total_tokens)
       VALUES ('${id}', 1, 'acc', 'openai', '${model}', 'ok', ${atMs}, 'upstream', 1000, 100, 1100);
     COMMIT`,
  );
}

test('the past is priced again by one at a time, and a dry run changes nothing that the audit log would tell', async (t) => {
  const [held, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let count = 0;
  const api = await startManagement(t, {}, (storage) => ({
    ...storage,
    async reprice(...asked) {
      begun.resolve();
      count += 1;
      if (count === 1) await held.promise;
      return storage.reprice(...asked);
    },
  }));
  const reprice = (body: object): Promise<Answer> =>
    api.call('POST', '/prices/reprice', { from: '2026-01-01', ...body });
  const first = reprice({ dry_run: true });
  await begun.promise;
  const second = await reprice({});
  assert.deepEqual([second.status, second.json.error.code], [409, 'conflict']);
  held.resolve();
  assert.equal((await first).json.dry_run, true);
  assert.deepEqual((await api.call('GET', '/audit')).json.data, []);
  assert.equal((await reprice({})).status, 200);
  const { data } = (await api.call('GET', '/audit')).json;
  assert.deepEqual(
    data.map(({ path }: { path: string }) => path),
    ['/api/v1/prices/reprice'],
  );
});

test('rates for a long context are compared with the price’s own where nothing else is known', async (t) => {
  const api = await startManagement(t);
  const made = await api.call('POST', '/prices', { id: 'own', model: 'nobody-knows-it', input: '2' });
  assert.equal(made.status, 201, made.text);
  const slip = await api.call('PATCH', '/prices/own', { long_context: { over_tokens: 1000, input: '400' } });
  assert.deepEqual([slip.status, slip.json.error.param], [400, 'long_context.input'], slip.text);
  const fine = await api.call('PATCH', '/prices/own', { long_context: { over_tokens: 1000, input: '4' } });
  assert.equal(fine.status, 200, fine.text);
});
