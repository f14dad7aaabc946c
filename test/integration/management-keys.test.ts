// Tests the resource /keys: what goes in, what comes out, what is refused, and that a key is shown once and kept nowhere.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isKeyText } from '../../src/core/client-key-text.ts';
import { isUsable } from '../../src/core/client-key.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { startManagement, type Answer, type TestManagement } from '../support/management.ts';
import { runOutside } from '../support/outside-sql.ts';

const defaults = {
  models: [],
  rpm: null,
  tpm: null,
  max_concurrency: null,
  budget: null,
  limits_mode: 'enforce',
  budget_mode: 'enforce',
  allows_unpriced: false,
  keeps_transcripts: false,
  metadata: {},
  expires_at: null,
  is_active: true,
  previous_key_until: null,
  revoked_at: null,
  last_used_at: null,
};

async function make(api: TestManagement, body: Record<string, unknown> = {}): Promise<{ id: string; key: string }> {
  const answer = await api.call('POST', '/keys', { name: 'Key', ...body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as { id: string; key: string };
}

function isGood({ clientKeys }: TestManagement, key: string): boolean {
  const known = clientKeys.find(key);
  return known !== undefined && isUsable(known, Date.now());
}

function assertRefused(answer: Answer, status: number, code: string, param: string | null = null): void {
  assert.equal(answer.status, status, answer.text);
  assert.deepEqual([answer.json.error.code, answer.json.error.param], [code, param], answer.text);
}

test('a key is made, read, listed, changed and deleted', async (t) => {
  const api = await startManagement(t);
  const created = await api.call('POST', '/keys', { name: 'Search team' });
  assert.equal(created.status, 201);
  const { id, key, prefix, created_at: createdAt, updated_at: updatedAt, ...rest } = created.json;
  assert.match(id, /^key_[0-9a-z]{25}$/u);
  assert.ok(isKeyText(key));
  assert.equal(prefix, key.slice(0, 10));
  assert.equal(createdAt, updatedAt);
  assert.deepEqual(rest, { name: 'Search team', ...defaults });
  assert.ok(isGood(api, key), 'in force at once');

  const read = await api.call('GET', `/keys/${id}`);
  const { key: shownOnce, ...kept } = created.json;
  assert.ok(shownOnce);
  assert.deepEqual([read.status, read.json], [200, kept]);
  assert.deepEqual((await api.call('GET', '/keys')).json, { data: [kept], next_cursor: null });

  for (const method of ['PATCH', 'PUT']) {
    const changed = await api.call(method, `/keys/${id}`, { id, rpm: 60, metadata: { team: 'search' } });
    assert.equal(changed.status, 200);
    assert.deepEqual(
      { ...changed.json, updated_at: null },
      { ...kept, rpm: 60, metadata: { team: 'search' }, updated_at: null },
    );
  }
  await api.call('PATCH', `/keys/${id}`, { is_active: false });
  assert.equal(isGood(api, key), false);
  await api.call('PATCH', `/keys/${id}`, { is_active: true });
  assert.equal(isGood(api, key), true);

  assert.equal((await api.call('DELETE', `/keys/${id}`)).status, 204);
  assert.equal(isGood(api, key), false);
  for (const [method, path] of [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/revoke'],
    ['POST', '/rotate'],
  ] as const) {
    const body = method === 'PATCH' || path === '/rotate' ? {} : undefined;
    assertRefused(await api.call(method, `/keys/${id}${path}`, body), 404, 'not_found');
  }
});

test('every field goes in and comes back; times come back in UTC and money without needless zeros', async (t) => {
  const api = await startManagement(t);
  const body = {
    id: 'my-key.1',
    name: 'Ünïcode ✓',
    models: ['gpt-4*', 'o3'],
    rpm: 1,
    tpm: 1_000_000_000_000,
    max_concurrency: 5,
    budget: { amount: '25.50', period: 'month', time_zone: 'Europe/Berlin' },
    limits_mode: 'shadow',
    budget_mode: 'shadow',
    allows_unpriced: true,
    keeps_transcripts: true,
    metadata: { team: 'A', empty: '' },
    expires_at: '2099-01-01T00:00:00+01:00',
    is_active: false,
  };
  const { json } = await api.call('POST', '/keys', body);
  const { key, prefix, created_at: createdAt, updated_at: updatedAt, ...rest } = json;
  assert.ok(key && prefix && createdAt && updatedAt);
  const expected = {
    ...defaults,
    ...body,
    budget: { ...body.budget, amount: '25.5' },
    expires_at: '2098-12-31T23:00:00.000Z',
  };
  assert.deepEqual(rest, expected);
  const row = await api.storage.clientKeys.get('my-key.1');
  assert.equal(row?.budget_nano_usd, 25_500_000_000);
});

test('a budget changes field by field', async (t) => {
  const api = await startManagement(t);
  const { id } = await make(api);
  const change = async (budget: unknown): Promise<unknown> => {
    const answer = await api.call('PATCH', `/keys/${id}`, { budget });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.budget;
  };
  assertRefused(
    await api.call('PATCH', `/keys/${id}`, { budget: { period: 'day' } }),
    400,
    'invalid_request',
    'budget.amount',
  );
  assert.deepEqual(await change({ amount: '1' }), { amount: '1', period: 'none', time_zone: 'UTC' });
  assert.deepEqual(await change({ period: 'week' }), { amount: '1', period: 'week', time_zone: 'UTC' });
  assert.deepEqual(await change({ time_zone: 'Asia/Kolkata' }), {
    amount: '1',
    period: 'week',
    time_zone: 'Asia/Kolkata',
  });
  assert.deepEqual(await change({ amount: '0.000000001' }), {
    amount: '0.000000001',
    period: 'week',
    time_zone: 'Asia/Kolkata',
  });
  assert.equal(await change(null), null);
  assert.deepEqual(await change({ amount: 12.5 }), { amount: '12.5', period: 'none', time_zone: 'UTC' });
  assert.deepEqual(await change({ amount: '0' }), { amount: '0', period: 'none', time_zone: 'UTC' });
});

test('what does not fit is refused, and says which field and why', async (t) => {
  const api = await startManagement(t);
  const { id } = await make(api, { id: 'taken' });
  const cases: [body: Record<string, unknown>, param: string, says: RegExp][] = [
    [{ name: '' }, 'name', /must not be empty/u],
    [{ name: ' ' }, 'name', /must not be blank/u],
    [{ name: 5 }, 'name', /must be a text/u],
    [{ models: 'gpt-4' }, 'models', /must be a list/u],
    [{ models: [''] }, 'models.0', /must not be empty/u],
    [{ rpm: 0 }, 'rpm', /must be at least 1/u],
    [{ rpm: 1.5 }, 'rpm', /must be a whole number/u],
    [{ rpm: '60' }, 'rpm', /must be a number/u],
    [{ tpm: -1 }, 'tpm', /must be at least 1/u],
    [{ max_concurrency: 1e13 }, 'max_concurrency', /must be at most/u],
    [{ budget: 5 }, 'budget', /must be an object/u],
    [{ budget: { amount: true } }, 'budget.amount', /must be an amount in US dollars/u],
    [{ budget: { amount: '-5' } }, 'budget.amount', /must be an amount in US dollars, such as/u],
    [{ budget: { amount: '5 USD' } }, 'budget.amount', /must be an amount in US dollars/u],
    [{ budget: { amount: '0.0000000001' } }, 'budget.amount', /must have no more than 9 digits/u],
    [{ budget: { amount: '99999999999' } }, 'budget.amount', /must be at most/u],
    [{ budget: { amount: '5', period: 'year' } }, 'budget.period', /must be one of "day", "week", "month", "none"/u],
    [{ budget: { amount: '5', time_zone: 'Mars' } }, 'budget.time_zone', /must be a time zone such as/u],
    [{ budget: { amount: '5', currency: 'EUR' } }, 'budget.currency', /There is no field budget\.currency/u],
    [{ limits_mode: 'off' }, 'limits_mode', /must be one of "enforce", "shadow"/u],
    [{ metadata: { a: 1 } }, 'metadata.a', /must be a text/u],
    [{ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [n, ''])) }, 'metadata', /at most 50/u],
    [{ expires_at: 'tomorrow' }, 'expires_at', /must be a time such as "2027-01-31T12:00:00Z"/u],
    [{ expires_at: '2027-01-31' }, 'expires_at', /must be a time such as/u],
    [{ expires_at: '9999-12-31T23:00:00-01:00' }, 'expires_at', /must be a time before the year 10000/u],
    [{ is_active: 'yes' }, 'is_active', /must be true or false/u],
    [{ key: 'agw_mine' }, 'key', /There is no field key/u],
    [{ key_hash: 'x' }, 'key_hash', /There is no field key_hash/u],
    [{ prefix: 'agw_x' }, 'prefix', /prefix is read-only/u],
    [{ revoked_at: null }, 'revoked_at', /revoked_at is read-only/u],
    [{ last_used_at: null }, 'last_used_at', /last_used_at is read-only/u],
  ];
  for (const [body, param, says] of cases) {
    for (const answer of [
      await api.call('POST', '/keys', { name: 'Key', ...body }),
      await api.call('PATCH', `/keys/${id}`, body),
    ]) {
      assertRefused(answer, 400, 'invalid_request', param);
      assert.match(answer.json.error.message, says);
    }
  }
  assertRefused(await api.call('POST', '/keys', {}), 400, 'invalid_request', 'name');
  assertRefused(await api.call('POST', '/keys', { name: 'Key', budget: {} }), 400, 'invalid_request', 'budget.amount');
  assertRefused(
    await api.call('POST', '/keys', { name: 'Key', expires_at: '2020-01-01T00:00:00Z' }),
    400,
    'invalid_request',
    'expires_at',
  );
  assertRefused(await api.call('POST', '/keys', { name: 'Key', id: 'taken' }), 409, 'conflict', 'id');
  assertRefused(await api.call('PATCH', `/keys/${id}`, { id: 'other' }), 400, 'invalid_request', 'id');
  for (const grace of [-1, 0.5, '1h', 30 * 24 * 3_600_000 + 1, null])
    assertRefused(
      await api.call('POST', `/keys/${id}/rotate`, { grace_period_ms: grace }),
      400,
      'invalid_request',
      'grace_period_ms',
    );
  assert.equal((await api.call('GET', '/keys')).json.data.length, 1, 'nothing was made');
});

test('a rotated key: the new one at once, the old one for the grace, the one before it no more', async (t) => {
  const api = await startManagement(t);
  const { id, key: first } = await make(api, { rpm: 7 });
  const rotate = async (body?: unknown): Promise<{ key: string; previous_key_until: string | null; rpm: number }> => {
    const answer = await api.call('POST', `/keys/${id}/rotate`, body);
    assert.equal(answer.status, 200, answer.text);
    return answer.json as { key: string; previous_key_until: string | null; rpm: number };
  };
  const second = await rotate({ grace_period_ms: 60_000 });
  assert.deepEqual([isGood(api, first), isGood(api, second.key)], [true, true]);
  assert.equal(second.rpm, 7);
  const leftMs = Date.parse(second.previous_key_until ?? '') - Date.now();
  assert.ok(leftMs > 55_000 && leftMs <= 60_000, `${leftMs} ms`);
  const third = await rotate({ grace_period_ms: 60_000 });
  assert.deepEqual([isGood(api, first), isGood(api, second.key), isGood(api, third.key)], [false, true, true]);
  const fourth = await rotate({});
  assert.deepEqual([isGood(api, third.key), isGood(api, fourth.key)], [false, true]);
  assert.equal(fourth.previous_key_until, null);
  assert.equal((await api.call('POST', `/keys/${id}/rotate`)).status, 200, 'without a body: no grace');
  assert.equal(isGood(api, fourth.key), false);
});

test('a revoked key is revoked for good, and so is the one before it', async (t) => {
  const api = await startManagement(t);
  const { id, key: old } = await make(api);
  const { key } = (await api.call('POST', `/keys/${id}/rotate`, { grace_period_ms: 60_000 })).json;
  const revoked = await api.call('POST', `/keys/${id}/revoke`);
  assert.equal(revoked.status, 200);
  assert.equal(revoked.json.is_active, false);
  assert.match(revoked.json.revoked_at, /^\d{4}-.*Z$/u);
  assert.deepEqual([isGood(api, old), isGood(api, key)], [false, false]);
  assert.equal((await api.call('POST', `/keys/${id}/revoke`)).json.revoked_at, revoked.json.revoked_at);
  assertRefused(await api.call('PATCH', `/keys/${id}`, { is_active: true }), 409, 'conflict');
  assertRefused(await api.call('POST', `/keys/${id}/rotate`, {}), 409, 'conflict');
  assert.equal((await api.call('PATCH', `/keys/${id}`, { name: 'Old' })).status, 200, 'its name may still be changed');
  assert.equal(api.clientKeys.isEmpty, false);
});

test('pages of a long list', async (t) => {
  const api = await startManagement(t);
  for (let n = 0; n < 5; n += 1) await make(api, { name: `Key ${n}` });
  const names: string[] = [];
  let path: string | null = '/keys?limit=2';
  while (path !== null) {
    const { json } = await api.call('GET', path);
    names.push(...json.data.map(({ name }: { name: string }) => name));
    path = json.next_cursor === null ? null : `/keys?limit=2&cursor=${json.next_cursor}`;
  }
  assert.deepEqual(names, ['Key 0', 'Key 1', 'Key 2', 'Key 3', 'Key 4']);
});

test('a key is shown once: no other answer, no log line and no file holds more of it than its beginning', async (t) => {
  const api = await startManagement(t);
  const { id, key: old } = await make(api);
  const { key } = (await api.call('POST', `/keys/${id}/rotate`, { grace_period_ms: 60_000 })).json;
  const seen: string[] = [JSON.stringify(api.logged)];
  for (const [method, path, body] of [
    ['GET', '/keys', undefined],
    ['GET', `/keys/${id}`, undefined],
    ['PATCH', `/keys/${id}`, { name: 'Other' }],
    ['POST', `/keys/${id}/revoke`, undefined],
    ['GET', '/openapi.json', undefined],
  ] as const)
    seen.push((await api.call(method, path, body)).text);
  for (const name of readdirSync(api.folder)) seen.push(readFileSync(join(api.folder, name), 'latin1'));
  for (const table of ['client_keys', 'audit'])
    seen.push(JSON.stringify(await runOutside(api.file, `SELECT * FROM ${table}`)));
  for (const text of [old, key]) {
    const forms = [text.slice(0, 12), Buffer.from(text).toString('base64').slice(0, 20)];
    for (const form of forms) assert.ok(!seen.some((place) => place.includes(form)), form);
  }
  assert.ok(seen[0]?.includes(id), 'the log says which key was changed');
});

test('a client key opens no management route, and a wrong token comes only so often', async (t) => {
  const token = '0123456789abcdef0123456789abcdef';
  const api = await startManagement(t, { ADMIN_TOKEN: token });
  const call = (authorization: string): Promise<Answer> => api.call('GET', '/keys', undefined, { authorization });
  const admin = { authorization: `Bearer ${token}` };
  const { key } = (await api.call('POST', '/keys', { name: 'Key' }, admin)).json;
  for (let n = 0; n < 30; n += 1) assertRefused(await call(`Bearer ${key}`), 403, 'forbidden');
  for (let n = 0; n < 20; n += 1) assertRefused(await call('Bearer wrong'), 401, 'invalid_client_key');
  const refused = await call('Bearer wrong');
  assertRefused(refused, 429, 'rate_limit_exceeded');
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assertRefused(await api.call('GET', '/keys'), 401, 'invalid_client_key');
  assert.equal((await call(`Bearer ${token}`)).status, 200);
});

test('a new key is shown though the database goes away once it is made: nobody could show it later', async (t) => {
  const api = await startManagement(t);
  const answers = { ...api.clientKeys };
  const goesAway = (): Promise<void> => Promise.reject(new StorageError('it is away'));
  Object.assign(api.configuration, { reload: goesAway });
  Object.assign(api.clientKeys, { reload: goesAway });
  const { id, key } = await make(api);
  const rotated = await api.call('POST', `/keys/${id}/rotate`, { grace_period_ms: 0 });
  assert.equal(rotated.status, 200, rotated.text);
  const account = { provider_id: 'openai', label: 'A', auth_data: { api_key: 'sk-once-0000000000000000001' } };
  assert.equal((await api.call('POST', '/accounts', account)).status, 201, 'asked for again it would be there twice');
  const told = api.logged
    .filter(({ level }) => level === 'warn')
    .map(({ fields, message }) => [fields['path'], message]);
  const message = 'the change is made, and in force here when the database answers again';
  assert.deepEqual(told, [
    ['/api/v1/keys', message],
    [`/api/v1/keys/${id}/rotate`, message],
    ['/api/v1/accounts', message],
  ]);
  await answers.reload();
  assert.deepEqual([isGood(api, key), isGood(api, rotated.json.key as string)], [false, true]);
});

test('a key stays until its transcripts are deleted: without it nobody could delete the rest', async (t) => {
  const left = { tries: 0, rows: 3 };
  const api = await startManagement(t, {}, (storage) => ({
    ...storage,
    transcripts: {
      ...storage.transcripts,
      async removeSome() {
        left.tries += 1;
        if (left.tries === 1) throw new StorageError('it is away');
        left.rows = Math.max(0, left.rows - 1);
        return left.rows;
      },
    },
  }));
  const { id } = await make(api, { keeps_transcripts: true });
  assertRefused(await api.call('DELETE', `/keys/${id}`), 503, 'storage_unavailable');
  assert.equal((await api.call('GET', `/keys/${id}`)).status, 200);
  assert.equal((await api.call('DELETE', `/keys/${id}`)).status, 204);
  assert.equal(left.rows, 0);
  assertRefused(await api.call('DELETE', `/keys/${id}`), 404, 'not_found');
});

test('a field of a query that is given twice is told so', async (t) => {
  const api = await startManagement(t);
  const answer = await api.call('GET', '/keys?limit=1&limit=2');
  assertRefused(answer, 400, 'invalid_request', 'limit');
  assert.equal(answer.json.error.message, 'limit must be given once.');
});

test('transcripts that are still on their way are waited for before all of a key are deleted', async (t) => {
  const order: string[] = [];
  const api = await startManagement(t, {}, (storage) => ({
    ...storage,
    transcripts: {
      ...storage.transcripts,
      async removeSome() {
        order.push('deleted');
        return 0;
      },
    },
  }));
  const { id } = await make(api, { keeps_transcripts: true });
  api.sync = async () => void order.push('brought in');
  assert.equal((await api.call('DELETE', `/keys/${id}/transcripts`)).status, 204);
  assert.deepEqual(order, ['brought in', 'deleted']);
});
