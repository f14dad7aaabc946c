// Tests the providers of the management API, the built-in one above all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startManagement } from '../support/management.ts';
import { runOutside } from '../support/outside-sql.ts';

const minimal = { id: 'local', base_url: 'http://127.0.0.1:9999' };

test('the built-in provider is there without a row, can be overridden, and comes back', async (t) => {
  const api = await startManagement(t);
  const builtIn = await api.call('GET', '/providers/openai');
  assert.deepEqual(builtIn.json, {
    id: 'openai',
    name: 'OpenAI',
    base_url: 'https://api.openai.com',
    auth_type: 'api_key',
    auth_strategy: 'api_key',
    supported_models: ['gpt-4', 'gpt-4-turbo', 'gpt-4-turbo-preview', 'gpt-3.5-turbo', 'gpt-3.5-turbo-16k'],
    is_active: true,
    config: {},
  });
  assert.deepEqual((await api.call('GET', '/providers')).json, { data: [builtIn.json], next_cursor: null });
  const bare = await api.call('DELETE', '/providers/openai');
  assert.deepEqual([bare.status, bare.json.error.code], [409, 'conflict']);
  assert.match(bare.json.error.message, /built in/u);

  const changed = await api.call('PATCH', '/providers/openai', { base_url: 'http://127.0.0.1:9' });
  assert.deepEqual([changed.status, changed.json], [200, { ...builtIn.json, base_url: 'http://127.0.0.1:9' }]);
  assert.equal(api.configuration.current().providers.get('openai')?.origin, 'http://127.0.0.1:9');
  assert.deepEqual((await api.call('GET', '/providers')).json.data, [changed.json]);
  await api.call('PUT', '/providers/openai', { is_active: false });
  assert.equal(api.configuration.current().providers.get('openai')?.isActive, false);
  await api.call('POST', '/accounts', { provider_id: 'openai', label: 'a', auth_data: { api_key: 'sk-0123456789' } });
  assert.equal((await api.call('DELETE', '/providers/openai')).status, 204);
  assert.deepEqual((await api.call('GET', '/providers/openai')).json, builtIn.json);
});

test('a row of a built-in provider overrides what it names, and the rest stays as it is built in', async (t) => {
  const api = await startManagement(t);
  const builtIn = await api.call('GET', '/providers/openai');
  const moved = await api.call('POST', '/providers', { id: 'openai', base_url: 'http://127.0.0.1:9' });
  assert.deepEqual([moved.status, moved.json], [201, { ...builtIn.json, base_url: 'http://127.0.0.1:9' }]);
  assert.deepEqual((await api.call('GET', '/providers/openai')).json, moved.json);
  await api.call('DELETE', '/providers/openai');
  const named = await api.call('POST', '/providers', { ...moved.json, supported_models: [], name: 'Ours' });
  assert.deepEqual([named.status, named.json], [201, { ...moved.json, supported_models: [], name: 'Ours' }]);
});

test('a provider is added with defaults, changed, listed and deleted', async (t) => {
  const api = await startManagement(t);
  const created = await api.call('POST', '/providers', minimal);
  assert.deepEqual(
    [created.status, created.json],
    [
      201,
      {
        ...minimal,
        name: 'local',
        auth_type: 'api_key',
        auth_strategy: 'api_key',
        supported_models: [],
        is_active: true,
        config: {},
      },
    ],
  );
  const again = await api.call('POST', '/providers', minimal);
  assert.deepEqual([again.status, again.json.error.code, again.json.error.param], [409, 'conflict', 'id']);
  const config = { key_prefixes: [], path_prefix: '/openai/v1', ask_stream_usage: false, allow_private: true };
  const changed = await api.call('PUT', '/providers/local', {
    ...created.json,
    base_url: 'http://10.0.0.5:8000',
    auth_strategy: 'bearer',
    supported_models: ['llama-3'],
    config,
  });
  assert.equal(changed.status, 200);
  assert.deepEqual((await api.call('GET', '/providers/local')).json, changed.json);
  assert.equal(api.configuration.current().providers.get('local')?.basePath, '/openai/v1');
  const first = await api.call('GET', '/providers?limit=1');
  assert.deepEqual(
    first.json.data.map(({ id }: { id: string }) => id),
    ['local'],
  );
  const second = await api.call('GET', `/providers?limit=1&cursor=${first.json.next_cursor}`);
  assert.deepEqual(
    second.json.data.map(({ id }: { id: string }) => id),
    ['openai'],
  );
  assert.equal(second.json.next_cursor, null);
  assert.equal((await api.call('DELETE', '/providers/local')).status, 204);
  for (const method of ['GET', 'DELETE']) {
    const gone = await api.call(method, '/providers/local');
    assert.deepEqual([gone.status, gone.json.error.code], [404, 'not_found']);
  }
  assert.equal((await api.call('PATCH', '/providers/local', { name: 'x' })).status, 404);
});

test('what is wrong with a provider is told by field', async (t) => {
  const api = await startManagement(t);
  const rows: [change: Record<string, unknown>, param: string, message: RegExp][] = [
    [{ id: 'Local' }, 'id', /lower-case/u],
    [{ id: '' }, 'id', /lower-case/u],
    [{ id: 'x'.repeat(65) }, 'id', /64/u],
    [{ id: undefined }, 'id', /required/u],
    [{ base_url: undefined }, 'base_url', /required/u],
    [{ base_url: 'api.example' }, 'base_url', /http or https URL/u],
    [{ base_url: 'https://u:p@a.example' }, 'base_url', /user name or password/u],
    [{ base_url: 'https://a.example?x=1' }, 'base_url', /query/u],
    [{ base_url: 'http://169.254.169.254' }, 'base_url', /metadata/u],
    [{ base_url: 'http://169.254.169.254', config: { allow_private: true } }, 'base_url', /metadata/u],
    [{ base_url: 'http://[fd00:ec2::254]/' }, 'base_url', /metadata/u],
    [{ base_url: 'http://metadata.google.internal/' }, 'base_url', /metadata/u],
    [{ base_url: 'http://192.168.0.7' }, 'base_url', /allow_private/u],
    [{ auth_strategy: 'oauth' }, 'auth_strategy', /must be one of "api_key", "bearer"/u],
    [{ auth_strategy: 'constructor' }, 'auth_strategy', /must be one of/u],
    [{ supported_models: ['a', ''] }, 'supported_models.1', /must not be empty/u],
    [{ config: { path_prefix: 'v1' } }, 'config.path_prefix', /must be empty, or a path/u],
    [{ config: { path_prefix: '/v1/' } }, 'config.path_prefix', /without a closing slash/u],
    [{ config: { allow_private: 'yes' } }, 'config.allow_private', /true or false/u],
    [{ config: { nonsense: 1 } }, 'config.nonsense', /There is no field/u],
  ];
  for (const [change, param, message] of rows) {
    const refused = await api.call('POST', '/providers', { ...minimal, ...change });
    assert.deepEqual([refused.status, refused.json.error.param], [400, param], JSON.stringify(change));
    assert.match(refused.json.error.message, message);
  }
  await api.call('POST', '/providers', minimal);
  const patched = await api.call('PATCH', '/providers/local', { base_url: 'http://10.0.0.1' });
  assert.deepEqual([patched.status, patched.json.error.param], [400, 'base_url']);
});

test('a provider in use is not deleted, and the answer says by how many', async (t) => {
  const api = await startManagement(t);
  await api.call('POST', '/providers', minimal);
  const account = { provider_id: 'local', label: 'a', auth_data: { api_key: 'sk-0123456789' } };
  await api.call('POST', '/accounts', { ...account, id: 'one' });
  await api.call('POST', '/accounts', { ...account, id: 'two' });
  await api.call('POST', '/routes', { id: 'r1', pattern: 'a*', provider_id: 'local' });
  await api.call('POST', '/routes', {
    id: 'r2',
    pattern: 'b*',
    provider_id: 'openai',
    fallbacks: [{ provider_id: 'local' }],
  });
  const refused = await api.call('DELETE', '/providers/local');
  assert.deepEqual([refused.status, refused.json.error.code], [409, 'conflict']);
  assert.match(refused.json.error.message, /2 accounts and 2 routes/u);
  for (const path of ['/accounts/one', '/accounts/two', '/routes/r1', '/routes/r2']) await api.call('DELETE', path);
  assert.equal((await api.call('DELETE', '/providers/local')).status, 204);
});

test('a provider that SQL has just inserted can have accounts at once', async (t) => {
  const api = await startManagement(t);
  await runOutside(
    api.file,
    `INSERT INTO providers (id, name, base_url, auth_type, auth_strategy, supported_models, is_active)
     VALUES ('fresh', 'Fresh', 'http://127.0.0.1:1', 'api_key', 'api_key', '["m"]', true),
            ('broken', 'Broken', 'http://127.0.0.1:1', 'api_key', 'magic', '[]', true)`,
  );
  const account = { label: 'a', auth_data: { api_key: 'sk-0123456789' } };
  assert.equal((await api.call('POST', '/accounts', { ...account, provider_id: 'fresh' })).status, 201);
  const refused = await api.call('POST', '/accounts', { ...account, provider_id: 'broken' });
  assert.deepEqual([refused.status, refused.json.error.param], [400, 'provider_id']);
  assert.match(refused.json.error.message, /unknown auth_strategy "magic"/u);
  assert.equal((await api.call('PATCH', '/providers/broken', { auth_strategy: 'bearer' })).status, 200);
  assert.equal((await api.call('POST', '/accounts', { ...account, provider_id: 'broken' })).status, 201);
});

test('the leave for a private network is not taken away while the address needs it', async (t) => {
  const api = await startManagement(t);
  const own = { id: 'own', base_url: 'http://192.168.0.7', config: { allow_private: true } };
  assert.equal((await api.call('POST', '/providers', own)).status, 201);
  const refused = await api.call('PATCH', '/providers/own', { config: {} });
  assert.deepEqual([refused.status, refused.json.error.param], [400, 'base_url'], refused.text);
  assert.deepEqual((await api.call('GET', '/providers/own')).json.config, { allow_private: true });
});
