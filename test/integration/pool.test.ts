// The pool at work, seen from outside: quota known, waits instead of 429s, fallbacks, circuits, and what is explained of it.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Explanation } from '../../src/core/explanation.ts';
import { eventually } from '../support/await.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const path = '/v1/chat/completions';

interface AccountAnswer {
  readonly last_used_at: string | null;
  readonly health: {
    readonly status: string;
    readonly reason: string | null;
    readonly per_model: readonly { readonly model: string; readonly status: string }[];
  };
  readonly quota: readonly {
    readonly model: string;
    readonly limit_requests: number;
    readonly remaining_requests: number;
    readonly limit_tokens: number;
  }[];
  readonly quota_group: {
    readonly id: string | null;
    readonly members: readonly string[];
    readonly adds_no_capacity: boolean;
  };
}

const account = (rig: Rig, n = 0): Promise<AccountAnswer> => rig.manage('GET', `/accounts/${rig.accounts[n]}`);
const explain = (rig: Rig, body: unknown): Promise<Explanation> => rig.manage('POST', '/route/explain', body);
const [keyA, keyB, keyC] = ['sk-pool-a-000000000001', 'sk-pool-b-000000000002', 'sk-pool-c-000000000003'] as const;

suite('quota', () => {
  test('is read from the answers and shown', async () => {
    await using rig = await startRig({ script: { rpm: 100, tpm: 50_000 } });
    assert.deepEqual((await account(rig)).quota, []);
    await (await rig.post(path, chat('gpt-4'))).text();
    const [quota] = (await account(rig)).quota;
    assert.equal(quota?.model, 'gpt-4');
    assert.equal(quota?.limit_requests, 100);
    assert.equal(quota?.limit_tokens, 50_000);
    assert.ok((quota?.remaining_requests ?? 0) >= 98);
    assert.ok((await account(rig)).last_used_at !== null, 'it is told at once');
  });

  test('accounts of one organization are found to share it, and say so', async () => {
    const shared = { organization: 'org-x', project: 'proj_x', rpm: 100 };
    await using rig = await startRig({
      keys: [keyA, keyB, keyC],
      script: { keys: { [keyA]: shared, [keyB]: shared, [keyC]: { organization: 'org-y' } } },
    });
    for (const id of rig.accounts) {
      await rig.manage('POST', '/routes', { pattern: `to-${id}`, provider_id: 'openai', model: 'gpt-4' });
    }
    for (const n of [0, 1, 2]) {
      for (const [i, id] of rig.accounts.entries())
        await rig.manage('PATCH', `/accounts/${id}`, { priority: i === n ? 5 : 0 });
      await (await rig.post(path, chat('gpt-4'))).text();
    }
    const [a, b, c] = await Promise.all([account(rig, 0), account(rig, 1), account(rig, 2)]);
    assert.deepEqual(a.quota_group.members, [rig.accounts[0], rig.accounts[1]]);
    assert.equal(a.quota_group.adds_no_capacity, true);
    assert.equal(a.quota_group.id, b.quota_group.id);
    assert.match(a.quota_group.id ?? '', /org-x/u);
    assert.equal(c.quota_group.adds_no_capacity, false);
  });

  test('a throttled group is not asked again through its other key', async () => {
    const shared = { organization: 'org-x', project: 'proj_x', fault: '429-tokens@30000' };
    await using rig = await startRig({
      keys: [keyA, keyB],
      script: { keys: { [keyA]: shared, [keyB]: shared } },
      settings: { QUEUE_TIMEOUT_MS: '0' },
    });
    for (const id of rig.accounts) await rig.manage('PATCH', `/accounts/${id}`, { quota_group: 'team' });
    const response = await rig.post(path, chat('gpt-4'));
    assert.equal(response.status, 429);
    assert.equal(rig.mock.journal().entries.length, 1);
    assert.ok(Number(response.headers.get('retry-after')) > 20);
    for (const { reasons } of (await explain(rig, chat('gpt-4'))).candidates)
      assert.deepEqual(reasons.slice(0, 2), ['benched', 'rate_limited']);
  });

  test('limits set by hand are kept although the upstream would give more', async () => {
    await using rig = await startRig({ script: { rpm: 1000 }, settings: { QUEUE_TIMEOUT_MS: '0' } });
    await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { limits: { rpm: 3 } });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      const response = await rig.post(path, chat('gpt-4'));
      statuses.push(response.status);
      if (n === 3) assert.match(response.headers.get('retry-after') ?? '', /^(?:19|20)$/u);
      await response.text();
    }
    assert.deepEqual(statuses, [200, 200, 200, 429]);
    assert.equal(rig.mock.journal().requests, 3);
    const [quota] = (await account(rig)).quota;
    assert.deepEqual([quota?.limit_requests, quota?.remaining_requests], [3, 0]);
    assert.ok((quota?.limit_tokens ?? 0) > 0, 'what the upstream alone limits is as it tells');
  });

  test('limits set by hand are kept without any word of the upstream: the wait comes before the 429', async () => {
    await using rig = await startRig({ script: { rpm: 1_000_000 } });
    await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { limits: { rpm: 60, max_concurrency: 2 } });
    rig.mock.setScript({ fault: 'no-rate-limit-headers', delay_ms: 50 });
    const startedAt = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: 62 }, async () => (await rig.post(path, chat('gpt-4'))).status),
    );
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.ok(performance.now() - startedAt > 1400, 'the last two waited for the refill');
  });
});

test('a burst of ten times what may run at once waits in the queue and is served without a single 429', async () => {
  await using rig = await startRig({ keys: [keyA, keyB], script: { rpm: 600, delay_ms: 10 } });
  for (const id of rig.accounts) await rig.manage('PATCH', `/accounts/${id}`, { limits: { max_concurrency: 2 } });
  await (await rig.post(path, chat('gpt-4'))).text();
  const statuses = await Promise.all(
    Array.from({ length: 40 }, async () => (await rig.post(path, chat('gpt-4'))).status),
  );
  assert.deepEqual([...new Set(statuses)], [200]);
  assert.equal(rig.mock.journal().entries.filter(({ status }) => status === 429).length, 0);
});

test('a cap on concurrency holds whatever comes, and the slots come back', async () => {
  await using rig = await startRig({ script: { delay_ms: 20 } });
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { limits: { max_concurrency: 3 } });
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, rig.mock.journal(1e9).open_requests)), 2);
  const models = ['gpt-4', 'gpt-fault-400', 'gpt-fault-500', 'gpt-fault-reset-before-headers'];
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) =>
      (
        await rig.post(path, chat(models[i % 4] ?? ''), { 'x-aigateway-timeout-ms': i % 7 === 0 ? '30' : '20000' })
      ).text(),
    ),
  );
  clearInterval(watch);
  assert.ok(most <= 3, `${most} at once`);
  assert.equal((await rig.post(path, chat('gpt-4'))).status, 200);
});

suite('fallback targets', () => {
  const withBackup = async (rig: Rig, fallback: object = {}): Promise<void> => {
    await rig.manage('POST', '/providers', { id: 'backup', name: 'Backup', base_url: rig.mock.url });
    await rig.manage('POST', '/accounts', { provider_id: 'backup', label: 'Spare', auth_data: { api_key: keyC } });
    await rig.manage('POST', '/routes', {
      pattern: 'gpt-*',
      provider_id: 'openai',
      fallbacks: [{ provider_id: 'backup', model: 'gpt-4o-mini', ...fallback }],
    });
  };

  for (const fault of ['500', '401', '429@60', 'reset-before-headers', 'html', '429-insufficient-quota']) {
    test(`serve when the route's own accounts cannot: ${fault}`, async () => {
      await using rig = await startRig({ keys: [keyA], script: { keys: { [keyA]: { fault } } } });
      await withBackup(rig);
      const response = await rig.post(path, chat('gpt-4', { stream: true }));
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.equal(response.headers.get('x-aigateway-provider'), 'backup');
      assert.equal(response.headers.get('x-aigateway-attempts'), '2');
      assert.match(text, /"model":"gpt-4o-mini/u);
      const again = await rig.post(path, chat('gpt-4'));
      assert.equal(again.status, 200);
    });
  }

  test('serve whatever fails at the same time: to them it is no retry', async () => {
    // All are under way before the first failure tells of the outage.
    const script = { keys: { [keyA]: { fault: 'slow-headers@10000' } } };
    await using rig = await startRig({ keys: [keyA], script, settings: { FIRST_BYTE_TIMEOUT_MS: '2000' } });
    await withBackup(rig);
    const served = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const response = await rig.post(path, chat('gpt-4'));
        await response.text();
        return `${response.status} from ${response.headers.get('x-aigateway-provider')}`;
      }),
    );
    assert.deepEqual([...new Set(served)], ['200 from backup']);
  });

  test('serve without any account of the own provider', async () => {
    await using rig = await startRig({ keys: [] });
    await withBackup(rig);
    assert.equal((await rig.post(path, chat('gpt-4'))).headers.get('x-aigateway-provider'), 'backup');
  });

  test('serve while the own provider is switched off, before any other rule', async () => {
    await using rig = await startRig({ keys: [keyA] });
    await withBackup(rig);
    await rig.manage('POST', '/providers', { id: 'third', name: 'Third', base_url: rig.mock.url, is_active: false });
    const fallbacks = [{ provider_id: 'third' }, { provider_id: 'backup' }, { provider_id: 'openai' }];
    await rig.manage('POST', '/routes', { pattern: 'fast', provider_id: 'third', model: 'gpt-4', fallbacks });
    await rig.manage('PATCH', '/providers/openai', { is_active: false });
    assert.equal(
      ((await (await fetch(`${rig.url}/v1/models/fast`)).json()) as { owned_by: string }).owned_by,
      'backup',
    );
    for (const [model, said] of [
      ['gpt-4', 'gpt-4o-mini'],
      ['fast', 'gpt-4'],
    ] as const) {
      const response = await rig.post(path, chat(model));
      const answer = (await response.json()) as { model: string };
      assert.equal(response.status, 200, JSON.stringify(answer));
      assert.equal(response.headers.get('x-aigateway-provider'), 'backup');
      assert.match(answer.model, new RegExp(`^${said}`, 'u'));
    }
  });

  test('serve a context that is too long only where it is listed', async () => {
    for (const [on, status, attempts] of [
      [['context_length_exceeded'], 200, '2'],
      [[], 400, '1'],
    ] as const) {
      await using rig = await startRig({ keys: [keyA], script: { keys: { [keyA]: { fault: '400-context-length' } } } });
      await withBackup(rig, { on });
      const response = await rig.post(path, chat('gpt-4'));
      assert.equal(response.status, status, await response.text());
      assert.equal(response.headers.get('x-aigateway-attempts'), attempts);
    }
  });
});

test('the circuit opens on an account that keeps failing, and one real request finds it well again', async () => {
  await using rig = await startRig({
    keys: [keyA, keyB],
    script: { keys: { [keyA]: { fault: { fault: '500', first: 5 } } } },
  });
  for (let i = 0; i < 5; i += 1) assert.equal((await rig.post(path, chat('gpt-4'))).status, 200);
  const { health } = await account(rig);
  assert.equal(health.status, 'circuit_open');
  assert.deepEqual(
    health.per_model.map(({ model, status }) => [model, status]),
    [['gpt-4', 'circuit_open']],
  );
  assert.equal((await rig.post(path, chat('gpt-4'))).headers.get('x-aigateway-account'), rig.accounts[1]);
  await rig.manage('POST', `/accounts/${rig.accounts[0]}/unbench`, {});
  assert.equal((await account(rig)).health.status, 'ok');
  assert.equal((await rig.post(path, chat('gpt-4'))).headers.get('x-aigateway-account'), rig.accounts[0]);
});

test('what is explained is what happens', async () => {
  await using rig = await startRig({ keys: [keyA, keyB, keyC], script: { rpm: 100 } });
  await rig.manage('PATCH', `/accounts/${rig.accounts[2]}`, { is_active: false });
  await rig.manage('PATCH', `/accounts/${rig.accounts[1]}`, { allowed_models: ['gpt-3*'] });
  const explained = await explain(rig, chat('openai/gpt-4', { stream: true }));
  assert.equal(explained.provider_id, 'openai');
  assert.equal(explained.model, 'gpt-4');
  assert.equal(explained.route, 'explicit provider');
  assert.deepEqual(explained.order, [rig.accounts[0]]);
  assert.deepEqual(
    explained.candidates.map(({ eligible, reasons }) => [eligible, reasons]),
    [
      [true, []],
      [false, ['model_not_allowed']],
      [false, ['inactive']],
    ],
  );
  assert.equal(rig.mock.journal().entries.length, 0, 'nothing was sent');
  assert.equal((await rig.post(path, chat('openai/gpt-4'))).headers.get('x-aigateway-account'), explained.order[0]);
  const after = await explain(rig, chat('gpt-4'));
  assert.ok((after.candidates[0]?.headroom_requests ?? 0) >= 98);
  await assert.rejects(explain(rig, { model: 'llama' }), /model_not_found/u);
  await assert.rejects(explain(rig, { messages: [] }), /"param":"model"/u);
  for (const pattern of ['gpt-4*', 'gpt-4']) await rig.manage('POST', '/routes', { pattern, provider_id: 'openai' });
  assert.equal((await explain(rig, chat('gpt-4'))).route, 'route gpt-4', 'an exact name comes before a pattern');
});

test('every line of the ledger names why its account was chosen', async () => {
  await using rig = await startRig({
    keys: [keyA, keyB, keyC],
    script: { models: { 'gpt-4-busy': { delay_ms: 100 }, 'gpt-4-dead': { fault: 'html' } } },
  });
  for (const id of rig.accounts) await rig.manage('PATCH', `/accounts/${id}`, { priority: 0 });
  for (const id of rig.accounts.slice(1))
    await rig.manage('PATCH', `/accounts/${id}`, { allowed_models: ['gpt-4', 'gpt-4-dead'] });
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { limits: { max_concurrency: 1 } });
  const fallbacks = [{ provider_id: 'openai', model: 'gpt-4' }];
  await rig.manage('POST', '/routes', { pattern: 'gpt-4-dead', provider_id: 'openai', fallbacks });
  const ask = async (model: string): Promise<void> => void (await (await rig.post(path, chat(model))).text());
  await ask('gpt-4');
  await Promise.all([ask('gpt-4-busy'), ask('gpt-4-busy')]);
  await ask('gpt-4-dead');
  await ask('gpt-fault-500');
  let lines: { model: string; chosen_because: string | null }[] = [];
  await eventually('all are in the ledger', async () => {
    lines = (await rig.manage<{ data: typeof lines }>('GET', '/requests')).data;
    return lines.length === 5;
  });
  assert.deepEqual(lines.map(({ model, chosen_because: because }) => `${model}: ${because}`).toSorted(), [
    'gpt-4-busy: only account for the model',
    'gpt-4-busy: only account for the model',
    'gpt-4-dead: fallback of route gpt-4-dead: score 1.000, next in turn of 3 accounts',
    'gpt-4: score 1.000, next in turn of 3 accounts',
    'gpt-fault-500: only account for the model, tried again',
  ]);
});

test('live state outlives a change of the configuration, and ends with the credential', async () => {
  await using rig = await startRig({ keys: [keyA, keyB], script: { bad_keys: [keyA] } });
  await (await rig.post(path, chat('gpt-4'))).text();
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { label: 'Renamed' });
  assert.equal((await account(rig)).health.status, 'benched');
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { auth_data: { api_key: keyC } });
  assert.equal((await account(rig)).health.status, 'ok');
  await eventually(
    'the new key serves',
    async () => (await rig.post(path, chat('gpt-4'))).headers.get('x-aigateway-account') === rig.accounts[0],
  );
});

test('a dead upstream sees at most 1.2 calls for each of the clients’ requests', async () => {
  await using rig = await startRig({ keys: [keyA, keyB, keyC], script: { fault: '503' } });
  const count = 300;
  await Promise.all(Array.from({ length: count }, async () => (await rig.post(path, chat('gpt-4'))).text()));
  const calls = rig.mock.journal().entries.length;
  assert.ok(calls <= count * 1.2, `${calls} calls for ${count} requests`);
});

test('where one kept connection has died the others are not tried: the second attempt has a fresh one', async () => {
  await using rig = await startRig({ script: { models: { 'gpt-4-slow': { delay_ms: 100 } } } });
  const first = await Promise.all(Array.from({ length: 4 }, () => rig.post(path, chat('gpt-4-slow'))));
  for (const answer of first) assert.equal(answer.status, 200, await answer.text());
  const answer = await rig.post(path, chat('gpt-fault-reset-on-reuse'));
  assert.equal(answer.status, 200, await answer.text());
  assert.equal(answer.headers.get('x-aigateway-attempts'), '2');
});
