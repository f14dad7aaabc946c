// Every route of the gateway with every kind of credential: what opens what, and that nothing odd opens anything.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { endpoints } from '../../src/providers/openai/endpoints.ts';
import { bearer, makeKey } from '../support/client-keys.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const token = '0123456789abcdef0123456789abcdef';

interface Route {
  readonly plane: 'data' | 'management' | 'open';
  readonly method: string;
  readonly path: string;
}

const fixed: readonly Route[] = [
  ...endpoints.map(({ path }) => ({ plane: 'data', method: 'POST', path }) as const),
  ...['/v1', '/v1/', '/v1/models', '/v1/models/gpt-4', '/v1/files', '/v1/responses'].map(
    (path) => ({ plane: 'data', method: 'GET', path }) as const,
  ),
  ...['/health', '/ready', '/metrics', '/api/v1/docs', '/api/v1/docs/page.js'].map(
    (path) => ({ plane: 'open', method: 'GET', path }) as const,
  ),
];

suite('what opens what', () => {
  let rig: Rig;
  let routes: readonly Route[];
  let credentials: Readonly<Record<string, string | undefined>>;

  before(async () => {
    rig = await startRig({ settings: { ADMIN_TOKEN: token } });
    const { key } = await makeKey(rig);
    const expiring = await makeKey(rig, { expires_at: new Date(Date.now() + 50).toISOString() });
    const revoked = await makeKey(rig);
    await rig.manage('POST', `/keys/${revoked.id}/revoke`);
    credentials = {
      none: undefined,
      'client key': key,
      'expired key': expiring.key,
      'revoked key': revoked.key,
      'admin token': token,
      'wrong token': 'f'.repeat(32),
    };
    const document = await rig.manage<{ paths: Record<string, object> }>('GET', '/openapi.json');
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(
        (method) =>
          ({ plane: 'management', method: method.toUpperCase(), path: path.replace('{id}', 'nobody') }) as const,
      ),
    );
    const missing = [
      { plane: 'management', method: 'GET', path: '/api/v1/openapi.json' },
      { plane: 'management', method: 'GET', path: '/api/v1/nothing' },
      { plane: 'management', method: 'GET', path: '/api/' },
    ] as const;
    assert.ok(described.length > 20);
    routes = [...fixed, ...described, ...missing];
  });
  after(() => rig.stop());

  /** Plane → credential → the status that refuses it; absent: it is let in. The meter of failures turns 401 into 429. */
  const refusals: Readonly<Record<Route['plane'], Readonly<Record<string, readonly number[]>>>> = {
    data: {
      none: [401],
      'expired key': [401],
      'revoked key': [401],
      'admin token': [403],
      'wrong token': [401, 429],
    },
    management: {
      none: [401],
      'client key': [403],
      'expired key': [403],
      'revoked key': [403],
      'wrong token': [401, 429],
    },
    open: {},
  };

  for (const name of ['none', 'client key', 'expired key', 'revoked key', 'admin token', 'wrong token']) {
    test(name, async () => {
      for (const { plane, method, path } of routes) {
        const credential = credentials[name];
        const answer = await fetch(rig.url + path, {
          method,
          headers: {
            ...(credential !== undefined && bearer(credential)),
            ...(method !== 'GET' && { 'content-type': 'application/json' }),
          },
          ...(method !== 'GET' && { body: JSON.stringify(plane === 'data' ? chat('gpt-4', { input: 'x' }) : {}) }),
        });
        const text = await answer.text();
        const refused = refusals[plane][name];
        const what = `${name}: ${method} ${path} → ${answer.status} ${text.slice(0, 200)}`;
        if (refused === undefined) assert.ok(![401, 403].includes(answer.status) && answer.status !== 429, what);
        else {
          assert.ok(refused.includes(answer.status), what);
          const { error } = JSON.parse(text) as { error: Record<string, unknown> };
          assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code'], what);
        }
      }
    });
  }
});

/** The whole answer to bytes sent as they are. */
function sendRaw(rig: Rig, bytes: Buffer | string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(rig.url).port), '127.0.0.1', () => void socket.write(bytes));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)));
    socket.on('close', () => resolve(text));
  });
}

suite('what is odd opens nothing', () => {
  let rig: Rig;
  let key: string;
  before(async () => {
    rig = await startRig();
    ({ key } = await makeKey(rig));
  });
  after(() => rig.stop());

  const request = (target: string, headers: readonly string[]): string =>
    [`GET ${target} HTTP/1.1`, 'host: localhost', 'connection: close', ...headers, '', ''].join('\r\n');

  test('the key as it should be', async () => {
    assert.match(await sendRaw(rig, request('/v1/models', [`authorization: Bearer ${key}`])), /^HTTP\/1\.1 200 /u);
  });

  test('odd values of Authorization', async () => {
    const values = [
      "Bearer ' OR '1'='1",
      "Bearer agw_' UNION SELECT key_hash FROM client_keys --",
      `Bearer ${key}\0`,
      `Bearer \0${key}`,
      `Bearer ${key}\u00ff`,
      `Bearer ${'agw_'.repeat(16_384)}`,
      `Bearer ${'x'.repeat(65_536)}`,
      `Bearer ${' '.repeat(8000)}x`,
      'Bearer äöü€',
      'Bearer ${jndi:ldap://127.0.0.1/x}',
      `Bearer%20${key}`,
      `Bearer ${encodeURIComponent(`${key} `)}`,
      `Basic ${Buffer.from(`:${key}`).toString('base64')}`,
      `Digest username="${key}"`,
      'null',
      '[object Object]',
    ];
    for (const value of values) {
      const answer = await sendRaw(rig, Buffer.from(request('/v1/models', [`authorization: ${value}`])));
      assert.match(answer, /^HTTP\/1\.1 (?:400|401|429|431) /u, value.slice(0, 80));
      assert.match(answer, /\{"error":\{"message":/u, value.slice(0, 80));
      assert.ok(!answer.includes(key));
    }
  });

  test('two headers, split headers, other places', async () => {
    const good = `authorization: Bearer ${key}`;
    const cases: readonly (readonly string[])[] = [
      [good, good],
      ['authorization: Bearer wrong', good],
      [good, 'Authorization: Bearer wrong'],
      [`authorization: Bearer\r\n ${key}`],
      [`authorization : Bearer ${key}`],
      [`proxy-authorization: Bearer ${key}`],
      [`x-api-key: ${key}`],
      [`api-key: ${key}`],
      [`cookie: authorization=Bearer ${key}`],
      [`x-forwarded-for: 127.0.0.1`, 'x-forwarded-host: localhost', 'forwarded: for=127.0.0.1'],
    ];
    for (const headers of cases)
      assert.match(
        await sendRaw(rig, request('/v1/models', headers)),
        /^HTTP\/1\.1 (?:400|401|429) /u,
        headers.join('\n'),
      );
    assert.match(await sendRaw(rig, request(`/v1/models?api_key=${key}`, [])), /^HTTP\/1\.1 401 /u);
  });

  test('odd spellings of a path are another path, and never a way past the key', async () => {
    const { port } = new URL(rig.url);
    for (const target of [
      '//v1/models',
      '/v1//models',
      '/v1/models/',
      '/V1/models',
      '/v1/MODELS',
      '/%76%31/models',
      '/v1/%6dodels',
      '/v1/models;x',
      '/v1/./models',
      '/v1/../v1/models',
      '/v1/../api/v1/keys',
      '/health/../v1/models',
      '/v1\\models',
      `http://localhost:${port}/v1/models`,
      `http://elsewhere/v1/models`,
      '*',
      'v1/models',
    ]) {
      const answer = await sendRaw(rig, request(target, []));
      assert.match(answer, /^HTTP\/1\.1 (?:400|401|404) /u, target);
      assert.ok(!answer.includes('"object":"list"'), target);
    }
  });

  test('a wrong key often: told to wait; the right one from the same address is served', async () => {
    const ask = (value: string): Promise<Response> => fetch(`${rig.url}/v1/models`, { headers: bearer(value) });
    let refused: Response | undefined;
    for (let n = 0; n < 100 && refused?.status !== 429; n += 1) refused = await ask(`${key.slice(0, -3)}abc`);
    assert.equal(refused?.status, 429);
    assert.ok(Number(refused?.headers.get('retry-after')) > 0);
    assert.equal(refused?.headers.get('x-should-retry'), 'false');
    assert.equal((await ask(key)).status, 200);
  });
});

test('on an address that others can reach nobody is served without a key, and everybody with one', async () => {
  await using rig = await startRig({ settings: { HOST: '0.0.0.0', ADMIN_TOKEN: token } });
  const local = rig.url.replace('0.0.0.0', '127.0.0.1');
  const ask = async (headers: Record<string, string> = {}): Promise<number> => {
    const answer = await fetch(`${local}/v1/models`, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  assert.equal(await ask(), 401);
  const { key, id } = await makeKey(rig);
  assert.deepEqual([await ask(), await ask(bearer(key))], [401, 200]);
  const elsewhere = ['host: gateway.example', `authorization: Bearer ${key}`, 'connection: close'];
  assert.match(await sendRaw(rig, ['GET /v1/models HTTP/1.1', ...elsewhere, '', ''].join('\r\n')), /^HTTP\/1\.1 200 /u);
  await rig.manage('DELETE', `/keys/${id}`);
  assert.deepEqual([await ask(), await ask(bearer(key))], [401, 401], 'the door stays shut without a key');
});
