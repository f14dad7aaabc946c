// Requests that two servers could read in two ways, over raw sockets: each is refused and its connection closed, or read as one.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { sendRaw } from '../support/raw-client.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const body = JSON.stringify(chat('gpt-4'));
const length = Buffer.byteLength(body);
const path = '/v1/chat/completions';

/** The request that must never be read: where it is, the fake OpenAI hears of it. */
const smuggled = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Client-Request-Id: smuggled\r\nContent-Length: ${length}\r\n\r\n${body}`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunkedBody = `${chunk(body)}0\r\n\r\n`;

/** A request to the data plane with these header lines and what follows them. */
function post(lines: string, rest: string, version = 'HTTP/1.1'): string {
  return `POST ${path} ${version}\r\nHost: localhost\r\nContent-Type: application/json\r\n${lines}\r\n\r\n${rest}`;
}

const get = (target: string, lines = 'Host: localhost'): string => `GET ${target} HTTP/1.1\r\n${lines}\r\n\r\n`;

/** Name → bytes. Each must be refused at its head or body, and its connection closed before the next request is read. */
const refused: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': post(`Content-Length: ${length}\r\nTransfer-Encoding: chunked`, chunkedBody),
  'Transfer-Encoding and Content-Length': post(`Transfer-Encoding: chunked\r\nContent-Length: 4`, chunkedBody),
  'Content-Length: 0 and Transfer-Encoding': post('Content-Length: 0\r\nTransfer-Encoding: chunked', chunkedBody),
  'Content-Length twice, different': post(`Content-Length: ${length}\r\nContent-Length: 5`, body),
  'Content-Length twice, the same': post(`Content-Length: ${length}\r\nContent-Length: ${length}`, body),
  'Content-Length as a list': post(`Content-Length: ${length}, ${length}`, body),
  'Content-Length with a sign': post(`Content-Length: +${length}`, body),
  'Content-Length below zero': post('Content-Length: -1', body),
  'Content-Length in hexadecimal': post(`Content-Length: 0x${length.toString(16)}`, body),
  'Content-Length with a space inside': post(`Content-Length: ${String(length).split('').join(' ')}`, body),
  'Content-Length with a fraction': post(`Content-Length: ${length}.0`, body),
  'Content-Length without a number': post('Content-Length:', body),
  'Content-Length beyond 64 bits': post('Content-Length: 18446744073709551617', body),
  'a space before the colon of Content-Length': post(`Content-Length : ${length}`, body),
  'a space before the colon of Transfer-Encoding': post('Transfer-Encoding : chunked', chunkedBody),
  'Transfer-Encoding that is nearly chunked': post('Transfer-Encoding: xchunked', chunkedBody),
  'Transfer-Encoding: chunked, identity': post('Transfer-Encoding: chunked, identity', chunkedBody),
  'Transfer-Encoding: identity': post('Transfer-Encoding: identity', body),
  'Transfer-Encoding: gzip, chunked': post('Transfer-Encoding: gzip, chunked', chunkedBody),
  'Transfer-Encoding: chunked, chunked': post('Transfer-Encoding: chunked, chunked', chunkedBody),
  'Transfer-Encoding twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', chunkedBody),
  'Transfer-Encoding twice, different': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', chunkedBody),
  'Transfer-Encoding behind a vertical tab': post('Transfer-Encoding: \vchunked', chunkedBody),
  'Transfer-Encoding with a NUL': post('Transfer-Encoding: chunked\0', chunkedBody),
  'Transfer-Encoding in quotes': post('Transfer-Encoding: "chunked"', chunkedBody),
  'Transfer-Encoding on a folded line': post('Transfer-Encoding:\r\n chunked', chunkedBody),
  'a header on a folded line': post(`X-Folded: a\r\n Transfer-Encoding: chunked\r\nContent-Length: ${length}`, body),
  'Transfer-Encoding in HTTP/1.0': post('Transfer-Encoding: chunked', chunkedBody, 'HTTP/1.0'),
  'a chunk size below zero': post('Transfer-Encoding: chunked', `-1\r\n${body}\r\n0\r\n\r\n`),
  'a chunk size with 0x': post('Transfer-Encoding: chunked', `0x${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`),
  'a chunk size behind a space': post('Transfer-Encoding: chunked', ` ${chunkedBody}`),
  'a chunk size beyond 64 bits': post('Transfer-Encoding: chunked', `ffffffffffffffffff\r\n${body}\r\n0\r\n\r\n`),
  'a chunk that is longer than it says': post('Transfer-Encoding: chunked', `5\r\n${body}\r\n0\r\n\r\n`),
  'a chunk that ends with a line feed alone': post(
    'Transfer-Encoding: chunked',
    `${length.toString(16)}\r\n${body}\n0\r\n\r\n`,
  ),
  'a chunk size that ends with a line feed alone': post(
    'Transfer-Encoding: chunked',
    `${length.toString(16)}\n${body}\r\n0\r\n\r\n`,
  ),
  'a chunk extension that ends with a line feed alone': post(
    'Transfer-Encoding: chunked',
    `${length.toString(16)};a\n${body}\r\n0\r\n\r\n`,
  ),
  'trailers that are framing': post(
    'Transfer-Encoding: chunked',
    `${chunk(body)}0\r\nContent-Length: ${smuggled.length}\r\nTransfer-Encoding: x\r\n\r\n`,
  ),
  'a line feed alone in the head': post(`X-A: a\nContent-Length: ${length}`, body),
  'a carriage return alone in the head': post(`X-A: a\rContent-Length: ${length}`, body),
  'a head that ends with line feeds alone': `POST ${path} HTTP/1.1\nHost: localhost\nContent-Length: ${length}\n\n${body}`,
  'a NUL in a header': post(`X-A: a\0b\r\nContent-Length: ${length}`, body),
  'a space in a header name': post(`Content Length: ${length}`, body),
  'a header line without a colon': post(`X-A\r\nContent-Length: ${length}`, body),
  'a header line without a name': post(`: a\r\nContent-Length: ${length}`, body),
  'a header before the first one on a folded line': `POST ${path} HTTP/1.1\r\n Host: localhost\r\nContent-Length: ${length}\r\n\r\n${body}`,
  'Host twice': get('/v1/models', 'Host: localhost\r\nHost: evil.example'),
  'Host twice, the same': get('/v1/models', 'Host: localhost\r\nHost: localhost'),
  'an empty Host': get('/v1/models', 'Host:'),
  'a Host with a path': get('/v1/models', 'Host: localhost/v1'),
  'a Host with a user': get('/v1/models', 'Host: localhost@evil.example'),
  'a Host with a space': get('/v1/models', 'Host: localhost evil.example'),
  'no Host': get('/v1/models', 'X-A: a'),
  'Authorization twice': get('/v1/models', 'Host: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b'),
  'Content-Type twice': post(`Content-Type: text/plain\r\nContent-Length: ${length}`, body),
  'Origin twice': get('/v1/models', 'Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example'),
  'an absolute target': get('http://localhost/v1/models'),
  'an absolute target elsewhere': get('http://evil.example/api/v1/accounts'),
  CONNECT: `CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  'OPTIONS *': `OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  'a target without a slash': get('v1/models'),
  'HTTP/0.9': 'GET /v1/models\r\n\r\n',
  'HTTP/1.2': `GET /v1/models HTTP/1.2\r\nHost: localhost\r\n\r\n`,
  'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'http in small letters': `GET /v1/models http/1.1\r\nHost: localhost\r\n\r\n`,
  'a tab in the request line': `GET\t/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  'a method that is none': `GE:T /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  'a method in small letters': `get /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  'an expectation that is none': post(`Content-Length: ${length}\r\nExpect: 200-ok`, body),
  'a head of more than 16 KiB': get('/v1/models', `Host: localhost\r\nX-A: ${'a'.repeat(17_000)}`),
  'more than 200 headers': get(
    '/v1/models',
    `Host: localhost\r\n${Array.from({ length: 201 }, (_, n) => `X-${n}: a`).join('\r\n')}`,
  ),
};

/** Name → bytes, statuses of the answers, and how many requests the fake OpenAI hears. What is smuggled is read as a body. */
const read: Readonly<Record<string, readonly [bytes: string, statuses: readonly number[], heard: number]>> = {
  'a plain request': [post(`Content-Length: ${length}`, body), [200, 200], 1],
  'a chunked request': [post('Transfer-Encoding: chunked', chunkedBody), [200, 200], 1],
  'Chunked in capitals': [post('Transfer-Encoding: CHUNKED', chunkedBody), [200, 200], 1],
  'two requests, one after the other': [post(`Content-Length: ${length}`, body).repeat(2), [200, 200, 200], 2],
  'chunk extensions': [
    post('Transfer-Encoding: chunked', `${length.toString(16)};a=b\r\n${body}\r\n0;c\r\n\r\n`),
    [200, 200],
    1,
  ],
  'two spaces in the request line': [get('/v1/models').replace(' ', '  '), [200, 200], 0],
  trailers: [post('Transfer-Encoding: chunked', `${chunk(body)}0\r\nHost: evil.example\r\n\r\n`), [200, 200], 1],
  'a request in the body of a GET': [
    get('/v1/models', `Host: localhost\r\nContent-Length: ${smuggled.length}`) + smuggled,
    [200, 200],
    0,
  ],
  'a request in the chunked body of a GET': [
    get('/health', 'Host: localhost\r\nTransfer-Encoding: chunked') + `${chunk(smuggled)}0\r\n\r\n`,
    [200, 200],
    0,
  ],
  'a request in the body of one that is refused': [
    `DELETE /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    [405, 200],
    0,
  ],
  'a request in the body for a path that is not there': [
    `POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    [404, 200],
    0,
  ],
  'a request in the body of a management request': [
    `POST /api/v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    [400, 200],
    0,
  ],
  'Connection names Content-Length': [
    post(`Content-Length: ${length}\r\nConnection: keep-alive, Content-Length`, body),
    [200, 200],
    1,
  ],
  'an upgrade to a WebSocket': [
    get(
      '/v1/models',
      'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13',
    ),
    [200],
    0,
  ],
  'an upgrade to HTTP/2': [
    get(
      '/v1/models',
      'Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__',
    ),
    [200],
    0,
  ],
  // Nobody need be told to send what has come already.
  'Expect: 100-continue': [post(`Content-Length: ${length}\r\nExpect: 100-continue`, body), [200, 200], 1],
  'a request in the part of a body that has come': [
    get('/v1/models', `Host: localhost\r\nContent-Length: ${smuggled.length + 1000}`) + smuggled,
    [200],
    0,
  ],
  'Keep-Alive': [post(`Content-Length: ${length}\r\nKeep-Alive: timeout=1`, body), [200, 200], 1],
};

const last = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

suite('requests that could be read in two ways', () => {
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(() => rig.stop());

  const heard = (): number => rig.mock.journal().entries.length;
  const forget = async (): Promise<void> => void (await fetch(`${rig.mock.url}/__journal`, { method: 'DELETE' }));

  test('the request that is smuggled would be served on its own', async () => {
    await forget();
    const answers = await sendRaw(rig.url, smuggled + last);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    assert.equal(heard(), 1);
  });

  for (const [name, bytes] of Object.entries(refused)) {
    test(`refused: ${name}`, async () => {
      await forget();
      const answers = await sendRaw(rig.url, bytes + smuggled + last);
      assert.ok(answers.length <= 1, JSON.stringify(answers));
      const [answer] = answers;
      if (answer !== undefined) {
        assert.ok([400, 405, 413, 417, 431].includes(answer.status), JSON.stringify(answer));
        assert.match(answer.head, /^connection: close$/imu);
        if (answer.status !== 417)
          assert.match(answer.body, /^\{"error":\{"message":"[^"]+","type":"invalid_request_error"/u);
      }
      assert.equal(heard(), 0);
    });
  }

  for (const [name, [bytes, statuses, count]] of Object.entries(read)) {
    test(`read as one: ${name}`, async () => {
      await forget();
      const answers = await sendRaw(rig.url, bytes + last);
      assert.deepEqual(
        answers.map(({ status }) => status),
        statuses,
        JSON.stringify(answers),
      );
      // Where a body that was not wanted is not whole, or there was to be an upgrade, the connection is closed behind the answer.
      const [answer] = answers.slice(-1);
      if (statuses.length === 1) assert.match(answer?.head ?? '', /^connection: close$/imu);
      else assert.equal(answer?.body, '{"status":"ok"}');
      assert.equal(heard(), count);
      for (const { headers } of rig.mock.journal().entries) assert.equal(headers['x-client-request-id'], undefined);
    });
  }

  test('there are more than thirty of them', () => {
    assert.ok(Object.keys(refused).length > 30 && Object.keys(read).length > 10);
  });
});
