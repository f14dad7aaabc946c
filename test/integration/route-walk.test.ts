// Walks every route of the gateway with every kind of credential and every disguise of its path: nothing opens that should not.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { runOutside } from '../support/outside-sql.ts';
import { sendRaw, type RawAnswer } from '../support/raw-client.ts';
import { allRoutes, type Route } from '../support/route-table.ts';
import { startRig, type Rig } from '../support/rig.ts';

const token = 'admin-token-0123456789abcdef01234567';
const routes = allRoutes();

/** What anybody may read: health, and the page of the management API, which asks for the token itself. */
const isPublic = ({ path, plane }: Route): boolean => plane === 'operations' || path.startsWith('/api/v1/docs');

type Headers = Readonly<Record<string, string>>;

function bytesOf(method: string, target: string, headers: Headers): string {
  const body = method === 'GET' || method === 'HEAD' ? '' : '{}';
  const all = {
    Host: 'localhost',
    ...(body !== '' && { 'Content-Type': 'application/json', 'Content-Length': '2' }),
    ...headers,
    Connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

async function ask(rig: Rig, method: string, target: string, headers: Headers = {}): Promise<RawAnswer> {
  const [answer, ...more] = await sendRaw(rig.url, bytesOf(method, target, headers));
  assert.deepEqual(more, [], `${method} ${target}`);
  return answer ?? { status: 0, head: '', body: '' };
}

const bearer = (text: string): Headers => ({ Authorization: `Bearer ${text}` });

/** The same path in other words, none of which is in the route table. */
function disguises(path: string): string[] {
  const [, first = '', ...rest] = path.split('/');
  const last = rest.at(-1) ?? '';
  const tail = rest.join('/');
  return [
    `/${path}`,
    `//localhost${path}`,
    `${path}/`,
    `${path}//`,
    `${path}/.`,
    `/.${path}`,
    `/./${first}/${tail}`,
    `/${first}//${tail}`,
    `/x/..${path}`,
    `/health/..${path}`,
    `/v1/..${path}`,
    `/api/v1/docs/../../..${path}`,
    `/api/v1/docs/%2e%2e/%2e%2e/%2e%2e${path}`,
    `/%2e${path}`,
    `/%2e%2e${path}`,
    `/${first}%2f${tail}`,
    `/${first}\\${tail}`,
    `/${first}/${tail.replace('/', '\\')}`,
    `${path}#`,
    `${path}/..`,
    `/${first.toUpperCase()}/${tail}`,
    `/%${first.charCodeAt(0).toString(16)}${first.slice(1)}/${tail}`,
    `/${first};a=b/${tail}`,
    `${path};a=b`,
    `${path}%00`,
    `${path}%20`,
    `${path}%2f`,
    `${path}%3f`,
    `${path}.json`,
    `${path.slice(0, -last.length || undefined)}${last.toUpperCase()}`,
    `http://localhost${path}`,
    `http://evil.example${path}`,
    path.slice(1),
  ].filter((other) => other !== path);
}

/** Headers by which some servers let themselves be told another path, host, sender or method. */
const disguisingHeaders: readonly Headers[] = [
  { Host: 'evil.example' },
  { Host: '127.0.0.1:1' },
  {
    'X-Forwarded-For': '127.0.0.1',
    'X-Real-IP': '127.0.0.1',
    'X-Client-IP': '127.0.0.1',
    'True-Client-IP': '127.0.0.1',
  },
  {
    'X-Forwarded-Host': 'localhost',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Port': '443',
    'X-Forwarded-Prefix': '/health',
  },
  { Forwarded: 'for=127.0.0.1;host=localhost;proto=https' },
  { 'X-Original-URL': '/health', 'X-Rewrite-URL': '/health', 'X-Original-Uri': '/health' },
  { 'X-HTTP-Method-Override': 'GET', 'X-Method-Override': 'GET' },
  { 'X-Forwarded-User': 'admin', 'X-Remote-User': 'admin', 'Remote-User': 'admin', 'X-Authenticated-User': 'admin' },
  { Cookie: `token=${token}; admin=${token}` },
  { 'X-Api-Key': token, 'Api-Key': token, 'X-Admin-Token': token },
  { 'Proxy-Authorization': `Bearer ${token}` },
];

/** Credentials that are none. The second half of the list reaches the gateway's own judgement, the first Node's parser. */
const nonsense: readonly string[] = [
  'Bearer \0',
  `Bearer ${'a'.repeat(65_536)}`,
  'Bearer',
  'Bearer ',
  `Basic ${Buffer.from(`admin:${token}`).toString('base64')}`,
  `Token ${token}`,
  token,
  `Bearer${token}`,
  `Bearer ${token} x`,
  `Bearer ${token},Bearer ${token}`,
  `Bearer "${token}"`,
  `Bearer ${token.toUpperCase()}`,
  `Bearer ${token.slice(0, -1)}`,
  `Bearer ${token}a`,
  "Bearer ' OR '1'='1",
  "Bearer '; DROP TABLE client_keys; --",
  'Bearer undefined',
  'Bearer null',
  'Bearer []',
  'Bearer __proto__',
  'Bearer \xe9\xff',
];

suite('with an admin token and a client key', () => {
  let rig: Rig;
  let key = '';
  let spent = '';
  before(async () => {
    rig = await startRig({ settings: { ADMIN_TOKEN: token } });
    ({ key } = await rig.manage<{ key: string }>('POST', '/keys', { name: 'Good' }));
    const made = await rig.manage<{ id: string; key: string }>('POST', '/keys', { name: 'Expired' });
    spent = made.key;
    const until = '2026-01-01T00:00:00.000Z';
    await runOutside(rig.database, `UPDATE client_keys SET expires_at = '${until}' WHERE id = '${made.id}'`);
    await eventually('the key has expired', async () => {
      const { status } = await fetch(`${rig.url}/v1/models`, { headers: bearer(spent) });
      return status === 401;
    });
    await fetch(`${rig.mock.url}/__journal`, { method: 'DELETE' });
  });
  after(() => rig.stop());

  test('the table is read whole', () => {
    const names = routes.map(({ method, path }) => `${method} ${path}`);
    for (const name of [
      'GET /api/v1/accounts',
      'POST /api/v1/accounts/x/rotate',
      'DELETE /api/v1/providers/x',
      'GET /api/v1/audit',
      'GET /api/v1/settings',
      'POST /api/v1/keys',
      'GET /api/v1/openapi.json',
      'GET /api/v1/docs',
      'POST /v1/chat/completions',
      'GET /metrics',
    ])
      assert.ok(names.includes(name), name);
    assert.ok(routes.length > 40, String(routes.length));
  });

  for (const route of routes) {
    const { method, path, plane } = route;
    test(`${method} ${path}`, async () => {
      const statusOf = async (headers: Headers): Promise<number> => (await ask(rig, method, path, headers)).status;
      const without = await ask(rig, method, path);
      if (isPublic(route)) {
        assert.equal(without.status, 200);
        assert.ok(!without.body.includes(token) && !without.body.includes(key));
        return;
      }
      assert.equal(without.status, 401, without.body);
      assert.match(without.body, /"code":"invalid_client_key"/u);
      for (const headers of disguisingHeaders) assert.equal(await statusOf(headers), 401, JSON.stringify(headers));
      if (plane === 'management') {
        for (const name of ['content-security-policy', 'x-content-type-options', 'referrer-policy', 'cache-control'])
          assert.match(without.head, new RegExp(`^${name}: `, 'imu'), name);
      }
      const [withKey, withSpentKey, withToken] = [
        await statusOf(bearer(key)),
        await statusOf(bearer(spent)),
        await statusOf(bearer(token)),
      ];
      const isThere = (status: number): boolean => status !== 401 && status !== 403 && status !== 405 && status !== 0;
      if (plane === 'management') {
        assert.deepEqual([withKey, withSpentKey], [403, 403]);
        assert.ok(isThere(withToken), String(withToken));
        return;
      }
      assert.ok([401, 429].includes(withSpentKey) && withToken === 403, `${withSpentKey} ${withToken}`);
      assert.ok(isThere(withKey), String(withKey));
    });
  }

  test('no path in other words is let in, and none with a credential that is none', async () => {
    for (const { method, path } of routes.filter((route) => !isPublic(route))) {
      for (const target of disguises(path)) {
        const { status, body } = await ask(rig, method, target);
        assert.ok([400, 401, 404, 405].includes(status), `${method} ${target} → ${status} ${body}`);
      }
    }
    for (const path of ['/api/v1/accounts', '/api/v1/settings', '/v1/models']) {
      for (const authorization of nonsense) {
        const { status } = await ask(rig, 'GET', path, { Authorization: authorization });
        assert.ok([400, 401, 429, 431].includes(status), `${path} ${authorization.slice(0, 80)} → ${status}`);
      }
    }
  });

  test('a path in other words is another path for the administrator, too', async () => {
    for (const path of ['/api/v1/accounts', '/api/v1/settings', '/v1/models']) {
      for (const target of disguises(path)) {
        const { status, body } = await ask(rig, 'GET', target, bearer(path.startsWith('/v1') ? key : token));
        // The one exception: a model may be called anything.
        if (target.startsWith('/v1/models/')) continue;
        // Below /v1 the admin token is no key.
        const denied = target.startsWith('/v1/') && !path.startsWith('/v1') ? [400, 403] : [400, 404];
        assert.ok(denied.includes(status), `${target} → ${status} ${body.slice(0, 200)}`);
      }
    }
  });

  test('after all that nothing has changed, and nothing went upstream', async () => {
    assert.deepEqual(rig.mock.journal().entries, []);
    const { data } = await rig.manage<{ data: { resource: string }[] }>('GET', '/audit');
    assert.deepEqual([...new Set(data.map(({ resource }) => resource))].sort(), ['accounts', 'keys', 'providers']);
  });
});

suite('without an admin token and without client keys: this machine, under its own name, and no foreign page', () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig({ keys: [] });
  });
  after(() => rig.stop());

  const foreign: readonly Headers[] = [
    { Host: 'evil.example' },
    { Host: 'localhost.evil.example' },
    { Host: '127.0.0.1.evil.example' },
    { Host: '2130706433' },
    { Host: '0.0.0.0' },
    { Host: 'evil.example', 'X-Forwarded-Host': 'localhost', 'X-Forwarded-For': '127.0.0.1' },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: 'http://localhost:1' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
  ];

  for (const { method, path, plane } of routes) {
    test(`${method} ${path}`, async () => {
      const tellsNothing = path === '/health' || path === '/ready';
      for (const headers of foreign) {
        const { status, head } = await ask(rig, method, path, headers);
        assert.equal(status, tellsNothing ? 200 : 403, JSON.stringify(headers));
        assert.doesNotMatch(head, /^access-control-/imu);
      }
      if (plane === 'management') assert.equal((await ask(rig, method, path, bearer('agw_0123456789'))).status, 403);
    });
  }
});
