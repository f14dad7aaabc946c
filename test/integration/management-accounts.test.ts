// Tests the accounts of the management API: what comes in, what goes out, and that no secret ever does.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { failureOf } from '../../src/core/failure.ts';
import { benchAfter } from '../../src/pool/bench.ts';
import type { Member } from '../../src/pool/member.ts';
import type { ProbeResult } from '../../src/upstream/probe.ts';
import { canary, goodProbe, startManagement } from '../support/management.ts';
import { runOutside } from '../support/outside-sql.ts';

/** The body of the specification's curl command, with a real-looking key. */
const specified = {
  provider_id: 'openai',
  label: 'OpenAI Account 1',
  auth_data: { api_key: canary },
  is_active: true,
};

const masked = 'sk-…nary';

/** Lays a refused key at the account's door, as an attempt would. */
function benchMember(member: Member | undefined): void {
  if (member !== undefined)
    member.bench = benchAfter(member.bench, failureOf('invalid_api_key', 'answered 401'), Date.now());
}

test("the specification's command adds an account, masked, sealed and at work at once", async (t) => {
  const api = await startManagement(t);
  const created = await api.call('POST', '/accounts', specified);
  assert.equal(created.status, 201);
  const { id, created_at: createdAt, updated_at: updatedAt, ...rest } = created.json;
  assert.match(id, /^acc_[0-9a-z]{25}$/u);
  assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
  assert.equal(updatedAt, createdAt);
  assert.deepEqual(rest, {
    provider_id: 'openai',
    label: 'OpenAI Account 1',
    auth_data: { api_key: masked },
    is_active: true,
    weight: 1,
    priority: 0,
    quota_group: { id: null, members: [id], adds_no_capacity: false },
    allowed_models: [],
    limits: {},
    organization: null,
    project: null,
    health: { status: 'ok', reason: null, since: null, until: null, per_model: [] },
    quota: [],
    last_used_at: null,
  });
  assert.deepEqual((await api.call('GET', `/accounts/${id}`)).json, created.json);
  assert.deepEqual((await api.call('GET', '/accounts')).json, { data: [created.json], next_cursor: null });
  assert.equal(api.pool.member(id)?.account.credential.reveal(), canary);
  const row = await api.storage.accounts.get(id);
  assert.match(row?.auth_data ?? '', /^agwv1\./u);
  assert.deepEqual(row?.auth_hint, { api_key: masked });
  assert.equal(api.vault.unseal(row?.auth_data ?? '', `account ${id}`), JSON.stringify({ api_key: canary }));
});

test('a credential keeps the name it came under', async (t) => {
  const api = await startManagement(t);
  for (const field of ['api_key', 'apiKey', 'key', 'token', 'access_token']) {
    const created = await api.call('POST', '/accounts', { ...specified, auth_data: { [field]: canary } });
    assert.equal(created.status, 201, field);
    assert.deepEqual(created.json.auth_data, { [field]: masked });
  }
});

test('all fields are taken and come back', async (t) => {
  const api = await startManagement(t);
  const fields = {
    label: 'Everything',
    is_active: false,
    weight: 2.5,
    priority: -3,
    allowed_models: ['gpt-4*', 'gpt-3.5-turbo'],
    limits: { rpm: 500, tpm: null, max_concurrency: 7 },
    organization: 'org-abc',
    project: 'proj_def',
  };
  const created = await api.call('POST', '/accounts', { ...specified, ...fields, id: 'mine', quota_group: 'team' });
  assert.equal(created.status, 201);
  assert.deepEqual({ ...created.json, ...fields, id: 'mine' }, created.json);
  assert.deepEqual(created.json.quota_group, { id: 'team', members: ['mine'], adds_no_capacity: false });
  assert.equal(created.json.health.status, 'disabled');
  await api.call('POST', '/accounts', { ...specified, id: 'other', quota_group: 'team' });
  const shared = await api.call('GET', '/accounts/mine');
  assert.deepEqual(shared.json.quota_group, { id: 'team', members: ['mine', 'other'], adds_no_capacity: true });
});

test('what is wrong with an account is told by field, and never repeats the key', async (t) => {
  const api = await startManagement(t);
  const rows: [change: Record<string, unknown>, param: string, message: RegExp][] = [
    [{ provider_id: undefined }, 'provider_id', /is required/u],
    [{ provider_id: 'nobody' }, 'provider_id', /there is no "nobody"/u],
    [{ label: undefined }, 'label', /^label is required\.$/u],
    [{ label: '' }, 'label', /must not be empty/u],
    [{ label: '  ' }, 'label', /must not be blank/u],
    [{ label: 'x'.repeat(201) }, 'label', /at most 200 characters/u],
    [{ label: 7 }, 'label', /must be a text/u],
    [{ auth_data: undefined }, 'auth_data', /is required/u],
    [{ auth_data: canary }, 'auth_data', /must be an object/u],
    [{ auth_data: {} }, 'auth_data.api_key', /needs one of/u],
    [{ auth_data: { api_key: 5 } }, 'auth_data.api_key', /must be a text/u],
    [{ auth_data: { api_key: '' } }, 'auth_data.api_key', /must be a non-empty text/u],
    [{ auth_data: { api_key: `xx-${canary}` } }, 'auth_data.api_key', /must start with "sk-proj-" or "sk-"/u],
    [{ auth_data: { api_key: `${canary} ${canary}` } }, 'auth_data.api_key', /white space/u],
    [{ auth_data: { token: `xx-${canary}` } }, 'auth_data.token', /must start with/u],
    [{ auth_data: { api_key: 'sk-' } }, 'auth_data.api_key', /is only the beginning of a key/u],
    [{ auth_data: { api_key: ' sk-proj-\n' } }, 'auth_data.api_key', /is only the beginning of a key/u],
    [{ auth_data: { api_key: canary, secret: canary } }, 'auth_data.secret', /There is no field auth_data\.secret/u],
    [{ auth_data: { [canary]: '' } }, 'auth_data.[secret]', /There is no field/u],
    [{ auth_data: { api_key: canary, token: canary } }, 'auth_data.token', /one credential/u],
    [{ is_active: 'yes' }, 'is_active', /must be true or false/u],
    [{ weight: -1 }, 'weight', /must be at least 0/u],
    [{ weight: '1' }, 'weight', /must be a number/u],
    [{ priority: 1.5 }, 'priority', /must be a whole number/u],
    [{ quota_group: { id: 'x' } }, 'quota_group', /must be a text/u],
    [{ allowed_models: 'gpt-4' }, 'allowed_models', /must be a list/u],
    [{ allowed_models: ['gpt-4', 5] }, 'allowed_models.1', /must be a text/u],
    [{ limits: { requests: 1 } }, 'limits.requests', /There is no field/u],
    [{ limits: { rpm: 0 } }, 'limits.rpm', /must be at least 1/u],
    [{ organization: 'a\r\nb' }, 'organization', /without white space/u],
    [{ id: 'a b' }, 'id', /must be letters/u],
    [{ lable: 'x', label: undefined }, 'lable', /There is no field lable/u],
    [{ health: {} }, 'health', /read-only/u],
  ];
  for (const [change, param, message] of rows) {
    const refused = await api.call('POST', '/accounts', { ...specified, ...change });
    const what = JSON.stringify(change);
    assert.equal(refused.status, 400, what);
    assert.deepEqual(Object.keys(refused.json.error), ['message', 'type', 'param', 'code']);
    assert.equal(refused.json.error.param, param, what);
    assert.match(refused.json.error.message, message, what);
    assert.equal(refused.json.error.code, 'invalid_request');
    assert.equal(refused.json.error.type, 'invalid_request_error');
    assert.ok(!refused.text.includes('canary'), what);
  }
  assert.deepEqual((await api.call('GET', '/accounts')).json.data, []);
});

test('PATCH and PUT change what they name and nothing else', async (t) => {
  const api = await startManagement(t);
  const { json: before } = await api.call('POST', '/accounts', specified);
  for (const [method, label] of [
    ['PATCH', 'one'],
    ['PUT', 'two'],
  ] as const) {
    const changed = await api.call(method, `/accounts/${before.id}`, { label, quota_group: null, id: before.id });
    assert.equal(changed.status, 200);
    assert.deepEqual({ ...changed.json, updated_at: '' }, { ...before, label, updated_at: '' });
    assert.ok(changed.json.updated_at >= before.updated_at);
  }
  assert.equal(api.pool.member(before.id)?.account.label, 'two');
  const other = await api.call('PATCH', `/accounts/${before.id}`, { id: 'other' });
  assert.deepEqual([other.status, other.json.error.param], [400, 'id']);
  assert.equal((await api.call('PATCH', '/accounts/nobody', { label: 'x' })).status, 404);
});

test('a new credential ends every bench; a bad one changes nothing', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', specified);
  const member = api.pool.member(account.id);
  benchMember(member);
  const benched = await api.call('GET', `/accounts/${account.id}`);
  assert.equal(benched.json.health.status, 'benched');
  assert.match(benched.json.health.until, /Z$/u);
  const refused = await api.call('PATCH', `/accounts/${account.id}`, { auth_data: { api_key: 'nonsense-canary' } });
  assert.deepEqual([refused.status, refused.json.error.param], [400, 'auth_data.api_key']);
  const changed = await api.call('PATCH', `/accounts/${account.id}`, { auth_data: { api_key: 'sk-another-key-9999' } });
  assert.equal(changed.json.health.status, 'ok');
  assert.deepEqual(changed.json.auth_data, { api_key: 'sk-…9999' });
  assert.equal(api.pool.member(account.id)?.account.credential.reveal(), 'sk-another-key-9999');
});

test('an account moves to another provider only with a credential for it', async (t) => {
  const api = await startManagement(t);
  await api.call('POST', '/providers', {
    id: 'local',
    base_url: 'http://127.0.0.1:1',
    config: { key_prefixes: ['lk-'] },
  });
  const { json: account } = await api.call('POST', '/accounts', specified);
  const path = `/accounts/${account.id}`;
  const bare = await api.call('PATCH', path, { provider_id: 'local' });
  assert.deepEqual([bare.status, bare.json.error.param], [400, 'auth_data']);
  const wrongKey = await api.call('PATCH', path, { provider_id: 'local', auth_data: { api_key: canary } });
  assert.deepEqual([wrongKey.status, wrongKey.json.error.param], [400, 'auth_data.api_key']);
  const unknown = await api.call('PATCH', path, { provider_id: 'nobody' });
  assert.deepEqual([unknown.status, unknown.json.error.param], [400, 'provider_id']);
  const moved = await api.call('PATCH', path, { provider_id: 'local', auth_data: { api_key: 'lk-0123456789' } });
  assert.deepEqual([moved.status, moved.json.provider_id, moved.json.health.status], [200, 'local', 'ok']);
  assert.equal((await api.call('PATCH', path, { provider_id: 'local', label: 'same' })).status, 200);
});

test('test, drain, unbench and delete', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', { ...specified, organization: 'org-1' });
  const path = `/accounts/${account.id}`;
  const punish = (): void => benchMember(api.pool.member(account.id));

  punish();
  api.probeResult = { ok: false, status: 401, models: [], message: 'Incorrect API key.', durationMs: 3 };
  const bad = await api.call('POST', `${path}/test`);
  assert.deepEqual(
    [bad.status, bad.json],
    [200, { ok: false, status: 401, models: [], message: 'Incorrect API key.', duration_ms: 3 }],
  );
  assert.equal((await api.call('GET', path)).json.health.status, 'benched');
  api.probeResult = goodProbe;
  const good = await api.call('POST', `${path}/test`);
  assert.deepEqual(good.json, { ok: true, status: 200, models: ['gpt-4'], message: null, duration_ms: 7 });
  assert.equal((await api.call('GET', path)).json.health.status, 'ok');
  assert.deepEqual(api.probed.at(-1)?.headers, [['authorization', `Bearer ${canary}`]]);

  punish();
  const unbenched = await api.call('POST', `${path}/unbench`);
  assert.deepEqual([unbenched.status, unbenched.json.health.status], [200, 'ok']);
  const drained = await api.call('POST', `${path}/drain`);
  assert.deepEqual([drained.status, drained.json.weight, drained.json.health.status], [200, 0, 'draining']);
  const deleted = await api.call('DELETE', path);
  assert.deepEqual([deleted.status, deleted.text], [204, '']);
  assert.equal(api.pool.member(account.id), undefined);
  const actions = [
    ['DELETE', path],
    ['GET', path],
    ['POST', `${path}/test`],
    ['POST', `${path}/drain`],
    ['POST', `${path}/undrain`],
    ['POST', `${path}/unbench`],
  ] as const;
  for (const [method, gone] of actions) assert.equal((await api.call(method, gone)).status, 404, gone);
  assert.equal((await api.call('POST', `${path}/rotate`, { auth_data: { api_key: canary } })).status, 404);
});

test('a rotation tries the new key first, and changes nothing unless it is accepted', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', specified);
  const path = `/accounts/${account.id}/rotate`;
  const next = 'sk-proj-next0123456789next';
  const before = await api.storage.accounts.get(account.id);

  api.probeResult = { ok: false, status: 401, models: [], message: 'Incorrect API key provided.', durationMs: 1 };
  const refused = await api.call('POST', path, { auth_data: { api_key: next } });
  assert.equal(refused.status, 400);
  assert.equal(refused.json.error.param, 'auth_data.api_key');
  assert.match(refused.json.error.message, /refused the new key, and nothing was changed/u);
  api.probeResult = { ok: false, status: null, models: [], message: 'no answer', durationMs: 1 };
  const away = await api.call('POST', path, { auth_data: { api_key: next } });
  assert.deepEqual([away.status, away.json.error.code], [502, 'upstream_unavailable']);
  const malformed = await api.call('POST', path, { auth_data: { api_key: 'canary' } });
  assert.deepEqual([malformed.status, malformed.json.error.param], [400, 'auth_data.api_key']);
  assert.deepEqual(await api.storage.accounts.get(account.id), before);
  assert.equal(api.probed.length, 2);

  api.probeResult = goodProbe;
  const rotated = await api.call('POST', path, { auth_data: { api_key: next } });
  assert.deepEqual([rotated.status, rotated.json.auth_data], [200, { api_key: 'sk-…next' }]);
  assert.equal(api.probed.at(-1)?.credential, next);
  assert.equal(api.pool.member(account.id)?.account.credential.reveal(), next);
});

test('an admin key that an account gets while a new key is tried stays', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', specified);
  const path = `/accounts/${account.id}`;
  const tried = Promise.withResolvers<ProbeResult>();
  api.probeResult = tried.promise;
  const rotation = api.call('POST', `${path}/rotate`, { auth_data: { api_key: 'sk-proj-next0123456789next' } });
  while (api.probed.length === 0) await setImmediate();
  const given = await api.call('PATCH', path, { auth_data: { admin_key: 'sk-admin-0123456789abcdefadmi' } });
  assert.deepEqual([given.status, given.json.auth_data.admin_key], [200, 'sk-…admi'], given.text);
  tried.resolve(goodProbe);
  const rotated = await rotation;
  assert.deepEqual([rotated.status, rotated.json.auth_data], [200, { api_key: 'sk-…next', admin_key: 'sk-…admi' }]);
});

test('an account whose limits or weight SQL has made none is left out and says why', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', specified);
  const where = `WHERE id = '${account.id}'`;
  const rows = [
    [`limits = '{"rpm":0}'`, 'limits in which rpm is'],
    [`limits = '{"tpm":"60"}'`, 'limits in which tpm is'],
    [`limits = '{"max_concurrency":-1}'`, 'limits in which max_concurrency is'],
    [`limits = '{}', weight = 'heavy'`, 'a weight that is'],
  ] as const;
  for (const [change, words] of rows) {
    // PostgreSQL's column takes no such weight.
    if (api.file.startsWith('postgres://') && change.includes('heavy')) continue;
    await runOutside(api.file, `UPDATE accounts SET ${change} ${where}`);
    await api.configuration.reload();
    const { health } = (await api.call('GET', `/accounts/${account.id}`)).json;
    assert.equal(health.status, 'disabled', change);
    assert.ok(health.reason.includes(words), `${change}: ${health.reason}`);
  }
  await runOutside(api.file, `UPDATE accounts SET limits = '{"rpm":null,"tpm":60}', weight = 2 ${where}`);
  await api.configuration.reload();
  assert.equal((await api.call('GET', `/accounts/${account.id}`)).json.health.status, 'ok');
});

test('an account that cannot be used says why', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', specified);
  await api.call('POST', '/accounts', { ...specified, id: 'fine' });
  await runOutside(api.file, `UPDATE accounts SET auth_data = 'agwv1.moved.here.now' WHERE id = '${account.id}'`);
  await api.configuration.reload();
  const read = await api.call('GET', `/accounts/${account.id}`);
  assert.equal(read.json.health.status, 'disabled');
  assert.match(read.json.health.reason, /auth_data that cannot be opened/u);
  const tested = await api.call('POST', `/accounts/${account.id}/test`);
  assert.deepEqual([tested.status, tested.json.ok, tested.json.status], [200, false, null]);
  assert.match(tested.json.message, /^The account has auth_data that cannot be opened/u);
  assert.equal((await api.call('GET', '/accounts/fine')).json.health.status, 'ok');
  await api.call('PATCH', '/providers/openai', { config: { key_prefixes: ['another-'] } });
  const unfit = await api.call('POST', '/accounts/fine/test');
  assert.match(unfit.json.message, /^The account cannot be used: .*[^.]\.$/u);
});

test('lists come in pages', async (t) => {
  const api = await startManagement(t);
  for (const id of ['a', 'b', 'c', 'd', 'e']) await api.call('POST', '/accounts', { ...specified, id });
  const seen: string[] = [];
  let query = '?limit=2';
  for (let pages = 1; ; pages += 1) {
    const { json } = await api.call('GET', `/accounts${query}`);
    seen.push(...json.data.map((account: { id: string }) => account.id));
    if (json.next_cursor === null) {
      assert.equal(pages, 3);
      break;
    }
    query = `?limit=2&cursor=${json.next_cursor}`;
  }
  assert.deepEqual(seen, ['a', 'b', 'c', 'd', 'e']);
  assert.equal((await api.call('GET', '/accounts?limit=5')).json.next_cursor, null);
  for (const bad of ['limit=0', 'limit=1001', 'limit=-1', 'limit=1.5', 'limit=', 'cursor=', 'cursor=%20', 'page=2']) {
    const refused = await api.call('GET', `/accounts?${bad}`);
    assert.deepEqual([refused.status, refused.json.error.param], [400, bad.split('=')[0]], bad);
  }
});

test('overlapping writes: one of two equal ids wins, and two changes of one account both stay', async (t) => {
  const api = await startManagement(t);
  const both = await Promise.all([1, 2].map(() => api.call('POST', '/accounts', { ...specified, id: 'same' })));
  assert.deepEqual(both.map(({ status }) => status).sort(), [201, 409]);
  const loser = both.find(({ status }) => status === 409);
  assert.deepEqual([loser?.json.error.code, loser?.json.error.param], ['conflict', 'id']);
  await Promise.all([
    api.call('PATCH', '/accounts/same', { label: 'changed' }),
    api.call('PATCH', '/accounts/same', { weight: 5 }),
    api.call('PATCH', '/accounts/same', { priority: 2 }),
  ]);
  const { json } = await api.call('GET', '/accounts/same');
  assert.deepEqual([json.label, json.weight, json.priority], ['changed', 5, 2]);
  assert.equal(api.pool.member('same')?.account.weight, 5);
});

test('a provider cannot be deleted under an account that is being added', async (t) => {
  const api = await startManagement(t);
  await api.call('POST', '/providers', { id: 'other', base_url: 'http://127.0.0.1:1' });
  const [added, deleted] = await Promise.all([
    api.call('POST', '/accounts', { ...specified, provider_id: 'other' }),
    api.call('DELETE', '/providers/other'),
  ]);
  assert.ok(
    (added.status === 201 && deleted.status === 409) || (added.status === 400 && deleted.status === 204),
    `${added.status} ${deleted.status}`,
  );
});

test('no answer and no log line holds a key; every change is logged', async (t) => {
  const api = await startManagement(t);
  const answers = [
    await api.call('POST', '/accounts', { ...specified, id: 'one' }),
    await api.call('POST', '/accounts', { ...specified, id: 'one' }),
    await api.call('POST', '/accounts', { ...specified, auth_data: canary }),
    await api.call('POST', '/accounts', { [canary]: canary }),
    await api.call('PATCH', '/accounts/one', { auth_data: { api_key: `${canary}2` } }),
    await api.call('POST', '/accounts/one/rotate', { auth_data: { api_key: `${canary}3` } }),
    await api.call('POST', '/accounts/one/test'),
    await api.call('GET', '/accounts'),
    await api.call('GET', '/settings'),
    await api.call('GET', '/openapi.json'),
    await api.raw(
      'POST',
      '/api/v1/accounts',
      { host: 'localhost', 'content-type': 'application/json' },
      `{"a": ${canary}`,
    ),
    await api.call('DELETE', '/accounts/one'),
  ];
  for (const { text } of answers) assert.ok(!text.includes('canary'), text);
  assert.ok(!inspect(api.logged, { depth: 9 }).includes('canary'));
  assert.deepEqual(
    api.logged.map(({ level, message, fields }) => [
      level,
      message,
      fields['method'],
      fields['path'],
      fields['resource_id'],
    ]),
    [
      ['info', 'management change', 'POST', '/api/v1/accounts', 'one'],
      ['info', 'management change', 'PATCH', '/api/v1/accounts/one', 'one'],
      ['info', 'management change', 'POST', '/api/v1/accounts/one/rotate', 'one'],
      ['info', 'management change', 'DELETE', '/api/v1/accounts/one', 'one'],
    ],
  );
  assert.equal(api.logged[0]?.fields['request_id'], answers[0]?.headers.get('x-aigateway-request-id'));
});

test('undrain gives the weight back that it had before the first drain, and leaves another one as it is', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', { ...specified, weight: 2.5 });
  const path = `/accounts/${account.id}`;
  const weights = [];
  for (const action of ['drain', 'drain', 'undrain'])
    weights.push((await api.call('POST', `${path}/${action}`)).json.weight);
  assert.deepEqual(weights, [0, 0, 2.5]);
  await api.call('PATCH', path, { weight: 5 });
  assert.equal((await api.call('POST', `${path}/undrain`)).json.weight, 5, 'it was not drained');
});

test('a test tries the account as SQL has just left it', async (t) => {
  const api = await startManagement(t);
  const { json: account } = await api.call('POST', '/accounts', { ...specified, organization: 'org-1' });
  for (let n = 2; n < 6; n += 1) {
    await runOutside(
      api.file,
      `INSERT INTO providers (id, name, base_url) VALUES ('p${n}', 'P', 'https://${n}.example')`,
    );
    await runOutside(api.file, `UPDATE accounts SET provider_id = 'p${n}' WHERE id = '${account.id}'`);
    assert.equal((await api.call('POST', `/accounts/${account.id}/test`)).json.ok, true);
    assert.equal(api.probed.at(-1)?.provider.id, `p${n}`);
  }
});
