// Tests that a key goes to the configured origin and nowhere else: whatever a name server, an upstream or a request says.
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { http1Upstream } from '../../src/upstream/http1/http1-upstream.ts';
import { jsonAnswer, startRawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig, testKey, type Rig, type RigOptions } from '../support/rig.ts';

/** What a name server says of `name`, one answer after the other; the last one stays. */
function answerFor(context: TestContext, name: string, answers: readonly (readonly string[])[]): { looks: number } {
  const state = { looks: 0 };
  const real = dns.lookup;
  context.mock.method(dns, 'lookup', (hostname: string, options: object, callback: (...found: unknown[]) => void) => {
    if (hostname !== name) return real(hostname, options as dns.LookupAllOptions, callback);
    const addresses = answers[Math.min(state.looks, answers.length - 1)] ?? [];
    state.looks += 1;
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    queueMicrotask(() => callback(null, found));
    return undefined;
  });
  return state;
}

interface Trap {
  readonly port: number;
  readonly requests: IncomingMessage[];
  /** Connections that were made, whether or not anything was sent over them. */
  connections(): number;
}

/** A server on this machine that nobody should reach. */
async function startTrap(context: TestContext): Promise<Trap> {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    requests.push(request);
    response.setHeader('content-type', 'application/json').end('{"object":"list","data":[]}');
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests, connections: () => connections };
}

interface Told {
  readonly status: number;
  readonly message: string;
}

async function ask(rig: Rig, path = '/v1/chat/completions', body: object = chat('gpt-4')): Promise<Told> {
  const response = await rig.post(path, body);
  const { error } = (await response.json()) as { error?: { message: string } };
  return { status: response.status, message: error?.message ?? '' };
}

const name = 'models.provider.example';

/** What is refused is refused again and again; here it need not be. */
const onceOnly: RigOptions = { settings: { MAX_ATTEMPTS: '1' } };

suite('what a name leads to is looked at when it is connected to', () => {
  const refusals: readonly (readonly [what: string, answers: readonly string[], problem: RegExp])[] = [
    ['this machine', ['127.0.0.1'], /leads to this machine/u],
    ['this machine over IPv6', ['::1'], /leads to this machine/u],
    ['this machine, mapped', ['::ffff:127.0.0.1'], /leads to this machine/u],
    ['the unspecified address', ['0.0.0.0'], /leads to this machine/u],
    ['a private network', ['10.1.2.3'], /leads into a private network/u],
    ['a metadata service', ['169.254.169.254'], /metadata service/u],
    ['a metadata service over IPv6', ['fd00:ec2::254'], /metadata service/u],
    ['a good address and a bad one', ['93.184.215.14', '127.0.0.1'], /leads to this machine/u],
  ];
  for (const [what, addresses, problem] of refusals) {
    test(`${what}: refused, and nothing is sent`, async (t) => {
      const trap = await startTrap(t);
      answerFor(t, name, [addresses]);
      await using rig = await startRig(onceOnly);
      const [account = ''] = rig.accounts;
      await rig.manage('PATCH', '/providers/openai', { base_url: `http://${name}:${trap.port}` });
      const told = await ask(rig);
      assert.equal(told.status, 502);
      assert.match(told.message, problem);
      const probed = await rig.manage<{ ok: boolean; message: string }>('POST', `/accounts/${account}/test`, {});
      assert.equal(probed.ok, false);
      assert.match(probed.message, problem);
      await assert.rejects(
        rig.manage('POST', `/accounts/${account}/rotate`, { auth_data: { api_key: `${testKey}2` } }),
        (error: Error) => /502/u.test(error.message) && problem.test(error.message),
      );
      assert.deepEqual([trap.connections(), trap.requests.length], [0, 0]);
    });
  }

  test('a name that leads to the internet at first and here on its second look', async (t) => {
    const trap = await startTrap(t);
    // A documentation address (RFC 5737): nobody answers there.
    const state = answerFor(t, name, [['192.0.2.1'], ['127.0.0.1']]);
    await using rig = await startRig({ settings: { CONNECT_TIMEOUT_MS: '100', MAX_ATTEMPTS: '2' } });
    await rig.manage('PATCH', '/providers/openai', { base_url: `http://${name}:${trap.port}` });
    const told = await ask(rig);
    assert.equal(told.status, 502);
    assert.match(told.message, /leads to this machine/u);
    assert.ok(state.looks >= 2);
    assert.equal(trap.connections(), 0);
  });

  test('what was looked at is what is connected to: no second look between', async (t) => {
    const trap = await startTrap(t);
    const state = answerFor(t, name, [['127.0.0.1'], ['192.0.2.1']]);
    const upstream = http1Upstream(1000);
    t.after(() => upstream.close());
    const status = await new Promise((resolve, reject) => {
      upstream.send(
        {
          origin: `http://${name}:${trap.port}`,
          mayBePrivate: true,
          method: 'GET',
          path: '/',
          headers: [],
          body: null,
        },
        { onSent() {}, onHead: resolve, onData() {}, onEnd() {}, onError: reject },
      );
    });
    assert.deepEqual([status, state.looks, trap.requests.length], [200, 1, 1]);
  });

  test('with leave for private networks it is reached, and its connections are nobody else’s', async (t) => {
    const trap = await startTrap(t);
    answerFor(t, name, [['127.0.0.1']]);
    await using rig = await startRig();
    const origin = `http://${name}:${trap.port}`;
    await rig.manage('PATCH', '/providers/openai', { base_url: origin, config: { allow_private: true } });
    const probe = (id: string | undefined): Promise<{ ok: boolean }> => rig.manage('POST', `/accounts/${id}/test`, {});
    assert.equal((await probe(rig.accounts[0])).ok, true);
    await rig.manage('POST', '/providers', { id: 'other', base_url: origin });
    const other = await rig.manage<{ id: string }>('POST', '/accounts', {
      provider_id: 'other',
      label: 'Other',
      auth_data: { api_key: 'sk-other-key-0000000000001' },
    });
    assert.equal((await probe(other.id)).ok, false, 'no connection of the other provider is used');
    assert.equal(trap.requests.length, 1);
  });

  test('`localhost` and loopback addresses need no leave', async (t) => {
    const trap = await startTrap(t);
    await using rig = await startRig();
    for (const host of ['localhost', '127.0.0.1', 'LOCALHOST']) {
      await rig.manage('PATCH', '/providers/openai', { base_url: `http://${host}:${trap.port}` });
      const { ok } = await rig.manage<{ ok: boolean }>('POST', `/accounts/${rig.accounts[0]}/test`, {});
      assert.equal(ok, true, host);
    }
  });

  test('an address that SQL has written is looked at like any other', async (t) => {
    const upstream = http1Upstream(1000);
    t.after(() => upstream.close());
    for (const [origin, mayBePrivate] of [
      ['http://169.254.169.254', true],
      ['http://[fd00:ec2::254]', true],
      ['http://10.0.0.1', false],
    ] as const) {
      const error = await new Promise<Error>((resolve) => {
        upstream.send(
          { origin, mayBePrivate, method: 'GET', path: '/', headers: ['authorization', 'Bearer x'], body: null },
          { onSent: () => assert.fail('sent'), onHead() {}, onData() {}, onEnd() {}, onError: resolve },
        );
      });
      assert.match(error.message, /^the host leads /u, origin);
    }
  });
});

suite('a redirect', () => {
  for (const status of [
    '301 Moved Permanently',
    '302 Found',
    '303 See Other',
    '307 Temporary Redirect',
    '308 Permanent Redirect',
  ]) {
    for (const body of ['', '{}', '{"error":{"message":"Moved","type":"x","param":null,"code":null}}']) {
      test(`${status} with "${body.slice(0, 8)}" is not followed, and leads no client away`, async (t) => {
        const trap = await startTrap(t);
        const upstream = await startRawUpstream((socket) => {
          socket.end(
            `HTTP/1.1 ${status}\r\nlocation: http://127.0.0.1:${trap.port}/v1/chat/completions\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
          );
        });
        t.after(() => upstream.close());
        await using rig = await startRig(onceOnly);
        await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
        const response = await fetch(`${rig.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(chat('gpt-4')),
          redirect: 'manual',
        });
        assert.equal(response.status, 502);
        assert.equal(response.headers.get('location'), null);
        assert.match(await response.text(), /"code":"upstream_invalid_response"/u);
        const probed = await rig.manage<{ ok: boolean }>('POST', `/accounts/${rig.accounts[0]}/test`, {});
        assert.equal(probed.ok, false);
        assert.equal(trap.connections(), 0);
      });
    }
  }
});

suite('what a request says of addresses', () => {
  test('moves no key: not in the body, not in a header, not in the request line', async (t) => {
    const trap = await startTrap(t);
    await using rig = await startRig();
    const there = `http://127.0.0.1:${trap.port}`;
    const body = chat('gpt-4', {
      api_base: there,
      base_url: there,
      api_key: 'sk-mine',
      url: there,
      proxy: there,
      metadata: { base_url: there },
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `${there}/image.png` } }] }],
    });
    const headers = {
      'x-base-url': there,
      'x-portkey-custom-host': there,
      'x-litellm-api-base': there,
      'x-forwarded-host': `127.0.0.1:${trap.port}`,
      'x-original-url': '/api/v1/accounts',
      'x-rewrite-url': '/api/v1/accounts',
      forwarded: `host=127.0.0.1:${trap.port}`,
      'x-http-method-override': 'DELETE',
    };
    for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/embeddings']) {
      const response = await rig.post(path, { ...body, prompt: 'x', input: 'x' }, headers);
      await response.text();
      assert.ok(response.status < 500, `${path} ${response.status}`);
    }
    assert.equal(trap.connections(), 0);
    const { entries } = rig.mock.journal();
    assert.equal(entries.length, 3);
    for (const { headers: seen } of entries) {
      assert.deepEqual(
        Object.keys(headers).filter((one) => one in seen),
        [],
      );
      assert.equal(seen['host'], new URL(rig.mock.url).host);
    }
  });

  test('an upstream answer cannot set the path: only what the table says is asked for', async (t) => {
    const upstream = await startRawUpstream((socket) => void socket.write(jsonAnswer('{"id":"x","choices":[]}')));
    t.after(() => upstream.close());
    await using rig = await startRig();
    await rig.manage('PATCH', '/providers/openai', { base_url: `${upstream.url}/tenant/` });
    await ask(rig, '/v1/chat/completions', chat('gpt-4'));
    assert.match(upstream.requests[0]?.head ?? '', /^POST \/tenant\/v1\/chat\/completions HTTP\/1\.1\r\n/u);
  });
});
