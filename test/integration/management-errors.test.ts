// Tests that every way a management request can fail is answered in OpenAI's form, and who is let in.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { StorageError, type Storage } from '../../src/storage/storage.ts';
import { canary, startManagement, type Answer } from '../support/management.ts';

const token = '0123456789abcdef0123456789abcdef';

function assertError(answer: Answer, status: number, code: string, param: string | null = null): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.match(answer.headers.get('x-aigateway-request-id') ?? '', /^req_[0-9a-z]{25}$/u);
  assert.deepEqual(Object.keys(answer.json), ['error']);
  const { message, type, ...rest } = answer.json.error;
  assert.match(message, /^\S[^]*[.…]$/u);
  assert.equal(type, status >= 500 ? 'server_error' : 'invalid_request_error');
  assert.deepEqual(rest, { param, code });
}

const json = { host: 'localhost', 'content-type': 'application/json' };

test('paths and methods that no route has', async (t) => {
  const api = await startManagement(t);
  for (const path of [
    '/api',
    '/api/',
    '/api/v1',
    '/api/v1/',
    '/api/v2/accounts',
    '/api/v1/nothing',
    '/api/v1/accounts/',
    '/api/v1/accounts/a/b/c',
    '/api/v1/accounts//test',
    '/api/v1/%61ccounts/x',
  ]) {
    const answer = await api.raw('GET', path, { host: 'localhost' });
    assertError(answer, 404, 'not_found');
  }
  // The listener lets nothing pass that could be read as another path.
  for (const path of ['/api/v1/../v1/nothing', '/api/v1/docs/../page.ts'])
    assert.equal((await api.raw('GET', path, { host: 'localhost' })).status, 400);
  for (const [method, path, allow] of [
    ['DELETE', '/accounts', 'GET, HEAD, POST'],
    ['PUT', '/accounts', 'GET, HEAD, POST'],
    ['OPTIONS', '/accounts', 'GET, HEAD, POST'],
    ['TRACE', '/accounts', 'GET, HEAD, POST'],
    ['PROPFIND', '/accounts', 'GET, HEAD, POST'],
    ['POST', '/accounts/a', 'DELETE, GET, HEAD, PATCH, PUT'],
    ['GET', '/accounts/a/test', 'POST'],
    ['POST', '/settings', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['POST', '/docs', 'GET, HEAD'],
  ] as const) {
    const answer = await api.raw(method, `/api/v1${path}`, { host: 'localhost' });
    assertError(answer, 405, 'method_not_allowed');
    assert.equal(answer.headers.get('allow'), allow);
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
  }
  for (const path of ['/accounts', '/nothing', '/openapi.json', '/usage']) {
    const { headers } = await api.raw('GET', `/api/v1${path}`, { host: 'localhost' });
    assert.deepEqual(
      ['content-security-policy', 'x-content-type-options', 'referrer-policy'].map((name) => headers.get(name)),
      ["default-src 'none'; frame-ancestors 'none'", 'nosniff', 'no-referrer'],
      path,
    );
  }
  const head = await api.raw('HEAD', '/api/v1/accounts', { host: 'localhost' });
  assert.deepEqual([head.status, head.text], [200, '']);
});

test('bodies that are not JSON, not objects, not declared as JSON, or too large', async (t) => {
  const api = await startManagement(t);
  const path = '/api/v1/accounts';
  for (const body of [
    '{',
    '{"a":}',
    'null',
    '[]',
    '"x"',
    '5',
    `{"a":"${canary}`,
    '{"a":1}{"b":2}',
    ' ',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  ]) {
    const answer = await api.raw('POST', path, json, body);
    assertError(answer, 400, 'invalid_json');
    assert.ok(!answer.text.includes('canary'));
  }
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json-seq',
    'application/jsonx',
    'text/json',
    undefined,
  ]) {
    const headers = { host: 'localhost', ...(type !== undefined && { 'content-type': type }) };
    assertError(await api.raw('POST', path, headers, '{}'), 415, 'unsupported_media_type');
    assertError(await api.raw('PATCH', `${path}/x`, headers, '{}'), 415, 'unsupported_media_type');
    assertError(await api.raw('POST', `${path}/x/test`, headers, '{}'), 415, 'unsupported_media_type');
  }
  for (const type of [
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
  ]) {
    assertError(
      await api.raw('POST', path, { ...json, 'content-type': type }, '{}'),
      400,
      'invalid_request',
      'provider_id',
    );
  }
  assertError(await api.raw('POST', path, json), 400, 'invalid_json');
  assertError(await api.raw('POST', path, { host: 'localhost' }), 400, 'invalid_request', 'provider_id');

  const large = JSON.stringify({ label: 'x'.repeat(1 << 20) });
  assertError(
    await api.raw('POST', path, { ...json, 'content-length': String(large.length) }, large),
    413,
    'request_too_large',
  );
  assertError(
    await api.raw('POST', path, { ...json, 'transfer-encoding': 'chunked' }, large),
    413,
    'request_too_large',
  );
  const chunked = await api.raw('POST', path, { ...json, 'transfer-encoding': 'chunked' }, '{"label": "x"}');
  assertError(chunked, 400, 'invalid_request', 'provider_id');
});

test('a client that leaves in the middle of its body disturbs nobody', async (t) => {
  const api = await startManagement(t);
  const port = Number(new URL(api.origin).port);
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        'POST /api/v1/accounts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a"',
      );
      setTimeout(() => socket.destroy(), 50);
    });
    socket.on('close', () => resolve());
  });
  assert.equal((await api.call('GET', '/accounts')).status, 200);
  assert.deepEqual(api.logged, []);
});

test('unknown fields are refused everywhere', async (t) => {
  const api = await startManagement(t);
  const bodies: [method: string, path: string, body: object | undefined, param: string][] = [
    ['POST', '/providers', { id: 'x', base_url: 'https://a.example', extra: 1 }, 'extra'],
    [
      'POST',
      '/providers',
      { id: 'x', base_url: 'https://a.example', config: { key_prefix: ['a'] } },
      'config.key_prefix',
    ],
    ['PATCH', '/providers/openai', { extra: 1 }, 'extra'],
    ['PUT', '/accounts/x', { created_at: 'now' }, 'created_at'],
    ['POST', '/accounts/x/rotate', { api_key: 'x' }, 'api_key'],
    [
      'POST',
      '/routes',
      { pattern: 'a', provider_id: 'openai', fallbacks: [{ provider_id: 'openai', when: [] }] },
      'fallbacks.0.when',
    ],
    ['PATCH', '/routes/x', { extra: 1 }, 'extra'],
    ...['test', 'drain', 'undrain', 'unbench'].map((action): (typeof bodies)[number] => [
      'POST',
      `/accounts/x/${action}`,
      { extra: 1 },
      'extra',
    ]),
    ['POST', '/keys/x/revoke', { extra: 1 }, 'extra'],
    ['GET', '/prices?source=own', undefined, 'source'],
  ];
  for (const [method, path, body, param] of bodies) {
    assertError(await api.call(method, path, body), 400, 'invalid_request', param);
  }
  const proto = await api.raw('POST', '/api/v1/accounts', json, '{"__proto__": {"label": "x"}}');
  assertError(proto, 400, 'invalid_request', '__proto__');
});

test('a database that does not answer is a 503, a fault of our own a 500 without its cause', async (t) => {
  const api = await startManagement(t, {}, (storage): Storage => ({
    ...storage,
    accounts: { ...storage.accounts, list: () => Promise.reject(new StorageError(`disk I/O error ${canary}`)) },
    routes: { ...storage.routes, list: () => Promise.reject(new TypeError(`${canary} is not a function`)) },
  }));
  const away = await api.call('GET', '/accounts');
  assertError(away, 503, 'storage_unavailable');
  const fault = await api.call('GET', '/routes');
  assertError(fault, 500, 'gateway_error');
  assert.ok(!`${away.text}${fault.text}`.includes('canary'));
  assert.deepEqual(
    api.logged.map(({ level, fields }) => [level, fields['code'], fields['request_id']]),
    [away, fault].map((answer) => ['error', answer.json.error.code, answer.headers.get('x-aigateway-request-id')]),
  );
  assert.match(inspect(api.logged[1]?.fields['err']), /is not a function/u);
});

test('without an admin token: this machine only, under its own name, and no foreign page', async (t) => {
  const api = await startManagement(t);
  const list = (headers: Record<string, string>): Promise<Answer> => api.raw('GET', '/api/v1/accounts', headers);
  assert.equal((await list({ host: 'localhost' })).status, 200);
  for (const headers of [
    { host: 'evil.example' },
    { host: 'localhost', origin: 'https://evil.example' },
    { host: 'localhost', 'sec-fetch-site': 'cross-site' },
    { host: 'localhost', authorization: 'Bearer agw_0123' },
    { host: 'evil.example', 'x-forwarded-host': 'localhost', 'x-forwarded-for': '127.0.0.1' },
  ]) {
    assertError(await list(headers), 403, 'forbidden');
    for (const path of ['/api/v1/docs', '/api/v1/openapi.json', '/api/v1/nothing']) {
      assertError(await api.raw('GET', path, headers), 403, 'forbidden');
    }
  }
  assert.equal((await list({ host: 'a b' })).status, 400);
});

test('with an admin token: its holder only; the page may be read, its data not', async (t) => {
  const api = await startManagement(t, { ADMIN_TOKEN: token });
  const paths = ['/accounts', '/settings', '/openapi.json', '/nothing', '/accounts/x/test'];
  for (const path of paths) {
    const refused = await api.call('GET', path);
    assertError(refused, 401, 'invalid_client_key');
    assert.equal(refused.headers.get('www-authenticate'), 'Bearer');
    assertError(await api.call('GET', path, undefined, { authorization: 'Bearer agw_0123' }), 403, 'forbidden');
  }
  for (const path of ['/accounts', '/settings', '/openapi.json']) {
    const answer = await api.call('GET', path, undefined, { authorization: `Bearer ${token}` });
    assert.equal(answer.status, 200);
    assert.ok(!answer.text.includes(token));
  }
  assert.equal((await api.call('GET', '/docs')).status, 200);
  assertError(await api.call('POST', '/docs'), 405, 'method_not_allowed');
  assert.equal(
    (await api.call('GET', '/settings', undefined, { authorization: `Bearer ${token}` })).json.admin_token,
    'set',
  );
});

test('the page comes with a strict policy and nothing from elsewhere', async (t) => {
  const api = await startManagement(t);
  const page = await api.call('GET', '/docs');
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/u);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/u);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.ok(!/https?:\/\/|<style|style=|<script>|\son\w+=/u.test(page.text));
  for (const [, file] of page.text.matchAll(/(?:src|href)="(docs\/[^"]+)"/gu)) {
    const answer = await api.call('GET', `/${file}`);
    assert.equal(answer.status, 200, String(file));
    for (const [, imported] of answer.text.matchAll(/from '\.\/([^']+)'/gu)) {
      assert.equal((await api.call('GET', `/docs/${imported}`)).status, 200, String(imported));
    }
  }
});
