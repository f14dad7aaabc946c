// Tests the audit log: what is noted of every change, that a change and its entry come together, and what others did by SQL.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemClock } from '../../src/lib/clock.ts';
import { auditedResources } from '../../src/management/audited.ts';
import { AuditTrail } from '../../src/management/audit-trail.ts';
import { StorageError, type Storage } from '../../src/storage/storage.ts';
import { eventually } from '../support/await.ts';
import { runOutside } from '../support/outside-sql.ts';
import { canary, startManagement, type TestManagement } from '../support/management.ts';

const token = '0123456789abcdef0123456789abcdef';

interface Entry {
  readonly id: string;
  readonly created_at: string;
  readonly actor: string;
  readonly peer: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly resource: string;
  readonly resource_id: string | null;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
  readonly request_id: string | null;
}

const account = { id: 'one', provider_id: 'openai', label: 'One', auth_data: { api_key: canary } };

async function entries(api: TestManagement, query = '', headers: Record<string, string> = {}): Promise<Entry[]> {
  const answer = await api.call('GET', `/audit${query}`, undefined, headers);
  assert.equal(answer.status, 200, answer.text);
  return answer.json.data as Entry[];
}

/** Changes the database as another program would. */
async function outside(api: TestManagement, sql: string): Promise<void> {
  await runOutside(api.file, sql);
}

suite('changes by the API', () => {
  test('who, what, before, after, when and by which request; the newest first', async (t) => {
    const api = await startManagement(t);
    const created = await api.call('POST', '/accounts', account);
    const changed = await api.call('PATCH', '/accounts/one', { label: 'Two', weight: 3 });
    const deleted = await api.call('DELETE', '/accounts/one');
    const [last, middle, first, ...more] = await entries(api);
    assert.deepEqual(more, []);
    const shown = {
      id: 'one',
      provider_id: 'openai',
      label: 'One',
      auth_data: { api_key: 'sk-…nary' },
      is_active: true,
      weight: 1,
      priority: 0,
      quota_group: null,
      allowed_models: [],
      limits: {},
      organization: null,
      project: null,
      created_at: created.json.created_at,
      updated_at: created.json.updated_at,
    };
    const common = { actor: 'local_caller', peer: '127.0.0.1', resource: 'accounts', resource_id: 'one' };
    const withoutWhen = ({ id, created_at: createdAt, ...entry }: Entry = {} as Entry): object => {
      assert.match(id, /^\d+$/u);
      assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
      return entry;
    };
    const requestId = (answer: typeof created): string | null => answer.headers.get('x-aigateway-request-id');
    assert.deepEqual(withoutWhen(first), {
      ...common,
      method: 'POST',
      path: '/api/v1/accounts',
      before: null,
      after: shown,
      request_id: requestId(created),
    });
    const after = { ...shown, label: 'Two', weight: 3, updated_at: changed.json.updated_at };
    assert.deepEqual(withoutWhen(middle), {
      ...common,
      method: 'PATCH',
      path: '/api/v1/accounts/one',
      before: shown,
      after,
      request_id: requestId(changed),
    });
    assert.deepEqual(withoutWhen(last), {
      ...common,
      method: 'DELETE',
      path: '/api/v1/accounts/one',
      before: after,
      after: null,
      request_id: requestId(deleted),
    });
  });

  test('every change of every resource has its entry, and no entry holds a secret', async (t) => {
    const api = await startManagement(t, { ADMIN_TOKEN: token });
    const admin = { authorization: `Bearer ${token}` };
    const steps: readonly (readonly [method: string, path: string, body: object | undefined, resource: string])[] = [
      ['POST', '/providers', { id: 'other', base_url: 'https://other.example' }, 'providers'],
      ['PATCH', '/providers/openai', { is_active: false }, 'providers'],
      ['DELETE', '/providers/openai', undefined, 'providers'],
      ['POST', '/accounts', account, 'accounts'],
      ['PUT', '/accounts/one', { auth_data: { api_key: `${canary}2` } }, 'accounts'],
      ['POST', '/accounts/one/rotate', { auth_data: { api_key: `${canary}3` } }, 'accounts'],
      ['POST', '/accounts/one/drain', {}, 'accounts'],
      ['POST', '/accounts/one/unbench', {}, 'accounts'],
      ['POST', '/routes', { id: 'rt', pattern: 'a*', provider_id: 'openai' }, 'routes'],
      ['PATCH', '/routes/rt', { model: 'gpt-4' }, 'routes'],
      ['DELETE', '/routes/rt', undefined, 'routes'],
      ['DELETE', '/accounts/one', undefined, 'accounts'],
      ['DELETE', '/providers/other', undefined, 'providers'],
    ];
    for (const [method, path, body] of steps) {
      const answer = await api.call(method, path, body, admin);
      assert.ok(answer.status < 300, `${method} ${path} → ${answer.text}`);
    }
    const list = await entries(api, '', admin);
    assert.deepEqual(
      list.toReversed().map(({ actor, method, path, resource }) => [actor, method, path, resource]),
      steps.map(([method, path, , resource]) => ['admin_token', method, `/api/v1${path}`, resource]),
    );
    const builtIn = list.find(({ method, path }) => method === 'DELETE' && path === '/api/v1/providers/openai');
    assert.deepEqual(
      [builtIn?.before?.['is_active'], builtIn?.after?.['is_active']],
      [false, true],
      'as it is in force',
    );
    const kept = JSON.stringify(list) + (await outsideText(api));
    assert.ok(!kept.includes('canary') && !kept.includes(token), 'no secret, in the answer or in the table');
    assert.ok(!kept.includes('agwv1'), 'no envelope either');
  });

  test('a change that fails leaves no entry, and one that cannot be noted is not made', async (t) => {
    let isFull = false;
    const api = await startManagement(t, {}, (storage): Storage => ({
      ...storage,
      audit: {
        ...storage.audit,
        add: (entry) => (isFull ? Promise.reject(new StorageError('disk full')) : storage.audit.add(entry)),
      },
    }));
    assert.equal((await api.call('POST', '/accounts', { ...account, provider_id: 'nobody' })).status, 400);
    assert.equal((await api.call('PATCH', '/accounts/nobody', { label: 'x' })).status, 404);
    assert.equal((await api.call('POST', '/accounts', account)).status, 201);
    assert.equal((await api.call('POST', '/accounts', account)).status, 409);
    assert.equal((await entries(api)).length, 1);
    isFull = true;
    assert.equal((await api.call('PATCH', '/accounts/one', { label: 'Two' })).status, 503);
    assert.equal((await api.call('GET', '/accounts/one')).json.label, 'One', 'taken back');
    assert.equal(api.pool.member('one')?.account.label, 'One');
    isFull = false;
    assert.equal((await api.call('PATCH', '/accounts/one', { label: 'Two' })).status, 200);
  });

  test('every list that can be changed is told of with before and after', async (t) => {
    const api = await startManagement(t);
    const document = (await api.call('GET', '/openapi.json')).json as {
      paths: Record<string, Record<string, unknown>>;
    };
    const changed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).some((method) => ['patch', 'put', 'delete'].includes(method))
        ? [path.split('/')[3] ?? '']
        : [],
    );
    assert.ok(changed.length >= 3, changed.join());
    for (const resource of new Set(changed))
      assert.ok(resource in auditedResources, `no row in auditedResources: ${resource}`);
  });
});

/** All of the table, as text. */
async function outsideText(api: TestManagement): Promise<string> {
  return JSON.stringify(await runOutside(api.file, 'SELECT * FROM audit'));
}

suite('the list', () => {
  test('filters by resource, id and time, page by page', async (t) => {
    const api = await startManagement(t);
    for (let n = 0; n < 5; n += 1) {
      await api.call('POST', '/routes', { id: `rt${n}`, pattern: `m${n}`, provider_id: 'openai' });
    }
    await api.call('POST', '/accounts', account);
    await api.call('PATCH', '/routes/rt2', { model: 'gpt-4' });
    const ids = async (query: string): Promise<(string | null)[]> =>
      (await entries(api, query)).map((entry) => entry.resource_id);
    assert.deepEqual(await ids('?resource=accounts'), ['one']);
    assert.deepEqual(await ids('?resource=routes&resource_id=rt2'), ['rt2', 'rt2']);
    assert.deepEqual(await ids('?limit=2'), ['rt2', 'one']);

    const seen: (string | null)[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = (await api.call('GET', `/audit?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)).json as {
        data: Entry[];
        next_cursor: string | null;
      };
      seen.push(...page.data.map((entry) => entry.resource_id));
      cursor = page.next_cursor;
      // What comes in meanwhile moves no page.
      await api.call('POST', '/accounts/one/unbench', {});
    }
    assert.deepEqual(seen, ['rt2', 'one', 'rt4', 'rt3', 'rt2', 'rt1', 'rt0']);

    const { created_at: at = '' } = (await entries(api, '?resource=accounts')).at(-1) ?? {};
    const later = new Date(Date.parse(at) + 1).toISOString();
    assert.ok((await ids(`?from=${at}&to=${later}`)).includes('one'));
    assert.deepEqual(await ids(`?to=${at}&resource=accounts`), [], '`to` is not within');
    assert.deepEqual(await ids('?from=2100-01-01T00:00:00%2B02:00'), []);
  });

  test('refuses a query that it does not understand', async (t) => {
    const api = await startManagement(t);
    for (const [query, param] of [
      ['?id=1', 'id'],
      ['?from=yesterday', 'from'],
      ['?to=2026-01-01', 'to'],
      ['?cursor=abc', 'cursor'],
      ['?cursor=b25l', 'cursor'],
      ['?limit=0', 'limit'],
    ] as const) {
      const answer = await api.call('GET', `/audit${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(answer.json.error.param, param, answer.text);
    }
    assert.equal((await api.call('DELETE', '/audit')).status, 405);
  });
});

suite('changes by SQL', () => {
  test('what was changed past the gateway is noted, row by row, without its secrets', async (t) => {
    const api = await startManagement(t);
    await api.call('POST', '/accounts', account);
    await api.call('POST', '/routes', { id: 'rt', pattern: 'a*', provider_id: 'openai' });
    await outside(
      api,
      "UPDATE accounts SET weight = 7, auth_data = 'agwv1.other' WHERE id = 'one'; DELETE FROM routes",
    );
    await eventually('two entries', async () => (await entries(api)).length === 4, 3000);
    const [gone, weighed] = await entries(api);
    assert.deepEqual(
      [weighed, gone].map((entry) => [entry?.actor, entry?.peer, entry?.method, entry?.resource, entry?.resource_id]),
      [
        ['outside', null, null, 'accounts', 'one'],
        ['outside', null, null, 'routes', 'rt'],
      ],
    );
    assert.deepEqual([weighed?.before?.['weight'], weighed?.after?.['weight']], [1, 7]);
    assert.deepEqual(weighed?.after?.['auth_data'], { api_key: 'sk-…nary' });
    assert.deepEqual([gone?.before?.['pattern'], gone?.after], ['a*', null]);
    await outside(api, "UPDATE accounts SET last_used_at = '2026-01-01T00:00:00.000Z'");
    await api.call('POST', '/accounts/one/unbench', {});
    assert.equal((await entries(api)).length, 5, 'a use is no change');
  });

  test('a change from outside just before one by the API is told apart from it', async (t) => {
    const api = await startManagement(t);
    await api.call('POST', '/accounts', account);
    await outside(api, "UPDATE accounts SET label = 'By SQL', limits = 'nonsense' WHERE id = 'one'");
    await api.call('POST', '/routes', { id: 'rt', pattern: 'a*', provider_id: 'openai' });
    const [byApi, bySql] = await entries(api);
    assert.deepEqual([byApi?.actor, byApi?.resource], ['local_caller', 'routes']);
    assert.deepEqual([bySql?.actor, bySql?.resource_id, bySql?.before?.['label']], ['outside', 'one', 'One']);
    assert.match(String(bySql?.after?.['problem']), /limits is not JSON/u, 'a row that cannot be read is not gone');
    assert.equal((await api.call('DELETE', '/accounts/one')).status, 204);
    const [deleted] = await entries(api);
    assert.deepEqual([deleted?.before, deleted?.after], [bySql?.after, null]);
  });

  test('where a backup was put back, what is changed from then on is told row by row', async (t) => {
    const api = await startManagement(t);
    await api.call('POST', '/accounts', account);
    // The test looks in its place: a look of its own between two steps would tell of a state that was to be passed over.
    api.configuration.stop();
    const revision = await api.storage.revision();
    await outside(api, 'UPDATE accounts SET weight = 7; UPDATE accounts SET weight = 8');
    await api.trail.noteOutside(revision + 2);
    await outside(
      api,
      `UPDATE accounts SET weight = 1; UPDATE configuration_revision SET revision = ${revision};
       UPDATE notes SET content = '${revision}' WHERE name = 'audited_revision'`,
    );
    await api.trail.noteOutside(revision);
    await outside(api, 'UPDATE accounts SET weight = 9');
    await api.trail.noteOutside(revision + 1);
    const [last] = await entries(api);
    assert.deepEqual([last?.resource_id, last?.before?.['weight'], last?.after?.['weight']], ['one', 1, 9]);
  });

  test('a change while no gateway ran is noted at the next start, once', async (t) => {
    const api = await startManagement(t);
    await api.call('POST', '/accounts', account);
    api.configuration.stop();
    const revision = await api.storage.revision();
    await outside(api, 'UPDATE accounts SET weight = 7; UPDATE accounts SET weight = 8');
    for (let n = 0; n < 2; n += 1) await AuditTrail.open(api.storage, systemClock);
    const [entry, ...rest] = await entries(api);
    assert.equal(rest.length, 1);
    assert.deepEqual(
      [entry?.actor, entry?.resource, entry?.resource_id, entry?.before, entry?.after],
      ['outside', 'configuration', null, { revision }, { revision: revision + 2 }],
    );
  });

  test('client keys: who they were and are, never their hash; very many are one entry', async (t) => {
    const api = await startManagement(t);
    const insert = (n: number): string =>
      `INSERT INTO client_keys (id, name, key_hash) VALUES ('key_${n}', 'Key ${n}', 'c0ffee${n.toString(16).padStart(58, '0')}');`;
    const note = async (): Promise<void> => api.trail.noteOutsideKeys(await api.storage.clientKeys.latestRevision());
    await outside(api, insert(1));
    await note();
    await outside(api, "UPDATE client_keys SET rpm = 5 WHERE id = 'key_1'");
    await note();
    await outside(api, "DELETE FROM client_keys WHERE id = 'key_1'");
    await api.call('POST', '/accounts', account);
    const [, gone, changed, made, ...rest] = await entries(api);
    assert.deepEqual(rest, []);
    for (const entry of [gone, changed, made]) {
      assert.deepEqual([entry?.actor, entry?.resource, entry?.resource_id], ['outside', 'keys', 'key_1']);
    }
    assert.deepEqual([made?.before, made?.after?.['name'], made?.after?.['rpm']], [null, 'Key 1', null]);
    assert.deepEqual([changed?.before, changed?.after?.['rpm']], [made?.after, 5]);
    assert.deepEqual([gone?.before, gone?.after], [changed?.after, null]);

    await outside(api, `BEGIN; ${Array.from({ length: 1001 }, (_, n) => insert(n + 10)).join('')} COMMIT`);
    await note();
    await note();
    const [many, before] = await entries(api);
    assert.deepEqual([many?.resource, many?.resource_id, before?.resource], ['keys', null, 'accounts']);
    assert.ok(!(await outsideText(api)).includes('c0ffee'));
  });

  test('two gateways at one database note a change from outside once', async (t) => {
    const api = await startManagement(t);
    await api.call('POST', '/accounts', account);
    const other = await AuditTrail.open(api.storage, systemClock);
    await outside(api, 'UPDATE accounts SET weight = 7');
    const revision = await api.storage.revision();
    await other.noteOutside(revision);
    await api.call('POST', '/accounts/one/unbench', {});
    await other.noteOutside(await api.storage.revision());
    assert.deepEqual(
      (await entries(api)).map(({ actor, method }) => [actor, method]),
      [
        ['local_caller', 'POST'],
        ['outside', null],
        ['local_caller', 'POST'],
      ],
    );
  });
});

test('that an account was used is no change that is told', async (t) => {
  const api = await startManagement(t);
  const account = { provider_id: 'openai', label: 'A', auth_data: { api_key: 'sk-audit-used-00000000001' } };
  const { id } = (await api.call('POST', '/accounts', account)).json;
  await api.storage.noteUse(new Map([[id, '2026-11-23T12:00:00.000Z']]));
  await runOutside(api.file, "INSERT INTO providers (id, name, base_url) VALUES ('own', 'Own', 'https://own.example')");
  await api.trail.noteOutside(await api.storage.revision());
  const { data } = (await api.call('GET', '/audit')).json;
  assert.deepEqual(
    data.map((entry: { actor: string; resource_id: string }) => [entry.actor, entry.resource_id]),
    [
      ['outside', 'own'],
      ['local_caller', id],
    ],
  );
});
