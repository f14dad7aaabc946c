// Tests the routes and settings of the management API, and that its own description is whole and true.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findTarget } from '../../src/core/route.ts';
import { modelPrefixes } from '../../src/providers/registry.ts';
import { startManagement } from '../support/management.ts';

test('a route is added, in force at once, changed, listed and deleted', async (t) => {
  const api = await startManagement(t);
  await api.call('POST', '/providers', { id: 'local', base_url: 'http://127.0.0.1:9' });
  const created = await api.call('POST', '/routes', { pattern: 'my-*', provider_id: 'local' });
  assert.equal(created.status, 201);
  const { id, ...rest } = created.json;
  assert.match(id, /^rt_[0-9a-z]{25}$/u);
  assert.deepEqual(rest, { pattern: 'my-*', provider_id: 'local', model: null, fallbacks: [] });
  const targetOf = (model: string): string[] => {
    const target = findTarget(api.configuration.current(), modelPrefixes, model);
    return target === undefined ? [] : [target.provider.id, target.model];
  };
  assert.deepEqual(targetOf('my-model'), ['local', 'my-model']);
  const fallbacks = [{ provider_id: 'openai', model: 'gpt-4', on: ['context_length_exceeded', 'rate_limited'] }];
  const changed = await api.call('PATCH', `/routes/${id}`, { model: 'llama', fallbacks });
  assert.deepEqual([changed.status, changed.json], [200, { ...created.json, model: 'llama', fallbacks }]);
  assert.deepEqual(targetOf('MY-model'), ['local', 'llama']);
  assert.deepEqual((await api.call('PUT', `/routes/${id}`, { model: null })).json.model, null);
  assert.deepEqual((await api.call('GET', `/routes/${id}`)).json.fallbacks, fallbacks);
  assert.equal((await api.call('GET', '/routes')).json.data.length, 1);
  assert.equal((await api.call('DELETE', `/routes/${id}`)).status, 204);
  assert.deepEqual(targetOf('my-model'), []);
  for (const method of ['GET', 'DELETE']) assert.equal((await api.call(method, `/routes/${id}`)).status, 404);
  assert.equal((await api.call('PATCH', `/routes/${id}`, { model: null })).status, 404);
});

test('what is wrong with a route is told by field', async (t) => {
  const api = await startManagement(t);
  const good = { pattern: 'a*', provider_id: 'openai' };
  const rows: [change: Record<string, unknown>, param: string][] = [
    [{ pattern: undefined }, 'pattern'],
    [{ pattern: '' }, 'pattern'],
    [{ pattern: 'a b' }, 'pattern'],
    [{ provider_id: 'nobody' }, 'provider_id'],
    [{ model: '' }, 'model'],
    [{ fallbacks: {} }, 'fallbacks'],
    [{ fallbacks: [{}] }, 'fallbacks.0.provider_id'],
    [{ fallbacks: [{ provider_id: 'openai' }, { provider_id: 'nobody' }] }, 'fallbacks.1.provider_id'],
    [{ fallbacks: [{ provider_id: 'openai', on: ['bad_weather'] }] }, 'fallbacks.0.on.0'],
    [{ fallbacks: [{ provider_id: 'openai', on: ['client_gone'] }] }, 'fallbacks.0.on.0'],
  ];
  for (const [change, param] of rows) {
    const refused = await api.call('POST', '/routes', { ...good, ...change });
    assert.deepEqual([refused.status, refused.json.error.param], [400, param], JSON.stringify(change));
  }
});

test('one route a pattern, whatever its case', async (t) => {
  const api = await startManagement(t);
  const first = await api.call('POST', '/routes', { id: 'one', pattern: 'A*', provider_id: 'openai' });
  assert.equal(first.status, 201);
  const same = await api.call('POST', '/routes', { pattern: 'a*', provider_id: 'openai' });
  assert.deepEqual([same.status, same.json.error.code, same.json.error.param], [409, 'conflict', 'pattern']);
  const sameId = await api.call('POST', '/routes', { id: 'one', pattern: 'b*', provider_id: 'openai' });
  assert.deepEqual([sameId.status, sameId.json.error.param], [409, 'id']);
  await api.call('POST', '/routes', { id: 'two', pattern: 'b*', provider_id: 'openai' });
  const moved = await api.call('PATCH', '/routes/two', { pattern: 'A*' });
  assert.deepEqual([moved.status, moved.json.error.param], [409, 'pattern']);
  assert.equal((await api.call('PATCH', '/routes/one', { pattern: 'a*' })).json.pattern, 'a*');
});

test('settings are shown under their names, secrets as "set"', async (t) => {
  const api = await startManagement(t, { ENCRYPTION_KEY: `${'A'.repeat(43)}=`, PORT: '0' });
  const { json } = await api.call('GET', '/settings');
  assert.equal(json.encryption_key, 'set');
  assert.equal(json.admin_token, null);
  assert.equal(json.port, 0);
  assert.equal(json.max_attempts, 3);
  assert.ok(Object.keys(json).every((name) => /^[a-z_]+$/u.test(name)));
});

interface Described {
  openapi: string;
  tags: { name: string }[];
  paths: Record<
    string,
    Record<
      string,
      { summary: string; operationId: string; tags: string[]; parameters?: { name: string; in: string }[] }
    >
  >;
  components: { schemas: Record<string, unknown> };
}

test('the OpenAPI document is 3.1, whole, and holds no key', async (t) => {
  const api = await startManagement(t);
  const { json, text } = await api.call('GET', '/openapi.json');
  const document = json as Described;
  assert.match(document.openapi, /^3\.1\.\d$/u);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '')}`),
  );
  const resource = (name: string): string[] => [
    `GET /${name}`,
    `POST /${name}`,
    ...['GET', 'PATCH', 'PUT', 'DELETE'].map((method) => `${method} /${name}/{id}`),
  ];
  const actions = ['test', 'rotate', 'drain', 'undrain', 'unbench'].map((action) => `POST /accounts/{id}/${action}`);
  const expected = [
    ...resource('providers'),
    ...resource('accounts'),
    ...resource('routes'),
    ...resource('prices'),
    'POST /prices/reprice',
    ...resource('keys'),
    ...actions,
    'POST /keys/{id}/revoke',
    'POST /keys/{id}/rotate',
    'POST /reconcile',
    'POST /route/explain',
    'GET /settings',
    'GET /audit',
    'GET /requests',
    'GET /requests/{id}',
    'GET /requests/{id}/transcript',
    'DELETE /requests/{id}/transcript',
    'DELETE /keys/{id}/transcripts',
    'GET /usage',
  ];
  assert.deepEqual(described.sort(), expected.sort());

  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  );
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  const tags = document.tags.map(({ name }) => name);
  for (const { path, operation } of operations) {
    assert.ok(operation.summary && operation.tags.every((tag) => tags.includes(tag)), path);
    const inPath = [...path.matchAll(/\{(\w+)\}/gu)].map(([, name]) => name);
    const named = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    assert.deepEqual(named, inPath);
  }
  for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/gu)) {
    assert.ok(name !== undefined && name in document.components.schemas, String(name));
  }
  for (const [, pattern] of text.matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/gu)) {
    assert.doesNotMatch(String(JSON.parse(`"${pattern}"`)), /^\/|\/[a-z]*$/u);
  }
  assert.doesNotMatch(text, /sk-(?!proj-\.\.\.|…)[\w-]{8,}/u);
});
