// Bad input gets a clear error in OpenAI's form, and nothing is lost by it.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { eventually } from '../support/await.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

interface Case {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
  readonly param?: string;
  readonly says: RegExp;
}

const path = '/v1/chat/completions';

const cases: readonly Case[] = [
  { name: 'not JSON', body: 'hello', status: 400, code: 'invalid_json', says: /JSON object/u },
  {
    name: 'cut JSON',
    body: '{"model":"gpt-4","messages":[',
    status: 400,
    code: 'invalid_json',
    says: /not valid JSON/u,
  },
  { name: 'two values', body: '{"model":"gpt-4"}{}', status: 400, code: 'invalid_json', says: /not valid JSON/u },
  { name: 'a JSON array', body: '[]', status: 400, code: 'invalid_json', says: /JSON object/u },
  { name: 'an empty body', body: '', status: 400, code: 'invalid_json', says: /empty/u },
  { name: 'binary', body: new Uint8Array([0, 255, 1, 2]), status: 400, code: 'invalid_json', says: /JSON object/u },
  {
    name: 'no model',
    body: '{"messages":[]}',
    status: 400,
    code: 'invalid_request',
    param: 'model',
    says: /provide a model/u,
  },
  {
    name: 'model null',
    body: '{"model":null}',
    status: 400,
    code: 'invalid_request',
    param: 'model',
    says: /model must be a text/u,
  },
  {
    name: 'model a number',
    body: '{"model":4}',
    status: 400,
    code: 'invalid_request',
    param: 'model',
    says: /model must be a text/u,
  },
  {
    name: 'a model without a route',
    body: '{"model":"llama-3"}',
    status: 404,
    code: 'model_not_found',
    param: 'model',
    says: /"llama-3"/u,
  },
  {
    name: 'an unknown provider',
    body: '{"model":"nobody/gpt-4"}',
    status: 404,
    code: 'model_not_found',
    param: 'model',
    says: /nobody/u,
  },
  { name: 'an unknown path', path: '/v1/images', body: '{}', status: 404, code: 'not_found', says: /\/v1\/images/u },
  { name: 'a path outside', path: '/nothing', body: '{}', status: 404, code: 'not_found', says: /\/nothing/u },
  { name: 'a trailing slash', path: `${path}/`, body: '{}', status: 404, code: 'not_found', says: /completions\//u },
  {
    name: 'an escaped path',
    path: '/v1/chat%2fcompletions',
    body: '{}',
    status: 404,
    code: 'not_found',
    says: /There is no/u,
  },
  {
    name: 'another case',
    path: '/V1/chat/completions',
    body: '{}',
    status: 404,
    code: 'not_found',
    says: /There is no/u,
  },
  { name: 'the wrong method', method: 'GET', status: 405, code: 'method_not_allowed', says: /takes POST, not GET/u },
  {
    name: 'models by POST',
    path: '/v1/models',
    body: '{}',
    status: 405,
    code: 'method_not_allowed',
    says: /takes GET, not POST/u,
  },
  { name: 'DELETE', method: 'DELETE', status: 405, code: 'method_not_allowed', says: /takes POST, not DELETE/u },
  {
    name: 'a compressed body',
    body: gzipSync('{"model":"gpt-4"}'),
    headers: { 'content-encoding': 'gzip' },
    status: 400,
    code: 'invalid_json',
    says: /compressed/u,
  },
  {
    name: 'a byte order mark',
    body: '\uFEFF{"model":"gpt-4"}',
    status: 400,
    code: 'invalid_json',
    says: /byte order/u,
  },
  {
    name: 'another content type',
    body: '{}',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported_media_type',
    says: /not "text\/plain"/u,
  },
  {
    name: 'a form',
    body: 'a=b',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'unsupported_media_type',
    says: /must be application\/json/u,
  },
  {
    name: 'an unknown model by name',
    method: 'GET',
    path: '/v1/models/nothing',
    status: 404,
    code: 'model_not_found',
    param: 'model',
    says: /nothing/u,
  },
  {
    name: 'a page of another site',
    body: '{"model":"gpt-4"}',
    headers: { origin: 'https://evil.example' },
    status: 403,
    code: 'forbidden',
    says: /other sites/u,
  },
  {
    name: 'a cross-site fetch',
    body: '{"model":"gpt-4"}',
    headers: { 'sec-fetch-site': 'cross-site' },
    status: 403,
    code: 'forbidden',
    says: /other sites/u,
  },
];

suite('bad input', () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(async () => {
    await rig.stop();
  });

  for (const { name, method = 'POST', path: at = path, body, headers, status, code, param, says } of cases) {
    test(name, async () => {
      const response = await fetch(rig.url + at, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: body as string }),
      });
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.equal(response.headers.get('content-type'), 'application/json');
      const { error } = JSON.parse(text) as { error: Record<string, unknown> };
      assert.equal(error['code'], code);
      assert.equal(error['type'], 'invalid_request_error');
      assert.equal(error['param'], param ?? null);
      assert.match(String(error['message']), says);
      if (status === 405) assert.ok(response.headers.get('allow'));
      assert.match(response.headers.get('x-aigateway-request-id') ?? '', /^req_/u);
      assert.equal(response.headers.get('access-control-allow-origin'), null);
    });
  }

  for (const [name, head] of [
    ['announced', (size: number) => `content-length: ${size}`],
    ['sent in chunks', () => 'transfer-encoding: chunked'],
  ] as const) {
    test(`65 MiB, ${name}: 413 before the rest is read, and the answer arrives`, async () => {
      const { hostname, port } = new URL(rig.url);
      const size = 65 << 20;
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), hostname);
        let received = '';
        let sent = 0;
        const piece = Buffer.alloc(1 << 20, 0x20);
        const send = (): void => {
          while (sent < size && socket.writable) {
            sent += piece.length;
            if (name !== 'announced') socket.write(`${piece.length.toString(16)}\r\n`);
            const goesOn = socket.write(piece);
            if (name !== 'announced') socket.write('\r\n');
            if (!goesOn) return;
          }
        };
        socket.on('connect', () => {
          socket.write(
            `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n${head(size)}\r\n\r\n`,
          );
          send();
        });
        socket.on('drain', send);
        socket.setEncoding('utf8').on('data', (text: string) => (received += text));
        socket.on('error', reject);
        socket.on('close', () => resolve(received));
      });
      assert.match(answer, /^HTTP\/1\.1 413 /u);
      assert.match(answer, /connection: close/iu);
      assert.match(answer, /"code":"request_too_large"/u);
    });
  }

  test('bytes that are not HTTP get 400 in the same form', async () => {
    const { hostname, port } = new URL(rig.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write('NONSENSE\r\n\r\n'));
      let received = '';
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
    });
    assert.match(answer, /^HTTP\/1\.1 400 /u);
    assert.match(answer, /"error":\{"message":"[^"]+","type":"invalid_request_error"/u);
  });

  test('after all that the gateway serves as before, and nothing reached the upstream', async () => {
    assert.equal(rig.mock.journal().entries.length, 0);
    const response = await rig.post(path, chat('gpt-4'));
    assert.equal(response.status, 200);
  });
});

/** Sends text on a connection of its own and hears it until what came fits. */
async function converse(
  url: string,
  turns: readonly (readonly [send: string, until: RegExp])[],
): Promise<readonly string[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  const heard: string[] = [];
  try {
    for (const [send, until] of turns) {
      received = '';
      socket.write(send);
      await eventually('the gateway has spoken', () => until.test(received));
      heard.push(received);
    }
  } finally {
    socket.destroy();
  }
  return heard;
}

test('who asks before it sends its body is told to, and is not told where the body is too large', async () => {
  await using rig = await startRig();
  const body = JSON.stringify(chat('gpt-4'));
  const head = (bytes: number, rest: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n${rest}\r\n`;
  const whole = /\r\n\r\n\{[^]*\}$/u;
  const [word, answer] = await converse(rig.url, [
    [head(body.length, 'expect: 100-continue\r\n'), /\r\n\r\n/u],
    [body, whole],
  ]);
  assert.equal(word, 'HTTP/1.1 100 Continue\r\n\r\n');
  assert.match(answer ?? '', /^HTTP\/1\.1 200 OK\r\n/u);
  // OpenAI takes pictures of 50 MB.
  const [large] = await converse(rig.url, [[head(50_000_000, 'expect: 100-continue\r\n'), /\r\n\r\n/u]]);
  assert.equal(large, word);
  // Not a byte of these is sent.
  for (const rest of ['', 'expect: 100-continue\r\n']) {
    const [refusal] = await converse(rig.url, [[head(65 << 20, rest), whole]]);
    assert.match(refusal ?? '', /^HTTP\/1\.1 413 [^]*"code":"request_too_large"/u);
  }
});

test('bodies in flight beyond the budget: the newcomer gets 503 with Retry-After, the others are served', async () => {
  await using rig = await startRig({ settings: { MAX_BODY_BYTES_IN_FLIGHT: '3000' }, script: { delay_ms: 300 } });
  const big = chat('gpt-4', { metadata: { x: 'y'.repeat(2000) } });
  const [first, second] = await Promise.all([
    rig.post(path, big),
    new Promise((r) => setTimeout(r, 100)).then(() => rig.post(path, big)),
  ]);
  assert.equal(first.status, 200);
  assert.equal(second.status, 503);
  assert.equal(second.headers.get('retry-after'), '1');
  assert.equal(((await second.json()) as { error: { code: string } }).error.code, 'overloaded');
  assert.equal((await rig.post(path, big)).status, 200, 'the budget is given back');
});
