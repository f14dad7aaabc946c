// Errors of an upstream without an error object in them, as proxies before it write them: what their status says reaches the client.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig } from '../support/rig.ts';

const page = '<html><body>nginx</body></html>';
const keys = ['sk-first-key-00000000001', 'sk-other-key-00000000002'];

/** What the client sees of an upstream that always answers so. */
async function see(status: string, headers: string, body: string, settings = {}): Promise<[Response, number]> {
  const upstream = await startRawUpstream((socket) => {
    socket.write(`HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`);
  });
  try {
    await using rig = await startRig({ keys, settings });
    await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    return [response, upstream.requests.length];
  } finally {
    await upstream.close();
  }
}

interface ErrorBody {
  readonly error: { readonly code: string; readonly type: string; readonly message: string };
}

suite('the status says whose fault it is', () => {
  for (const [status, seen, code] of [
    ['404 Not Found', 404, 'not_found'],
    ['405 Method Not Allowed', 405, 'method_not_allowed'],
    ['413 Request Entity Too Large', 413, 'request_too_large'],
    ['414 URI Too Long', 413, 'request_too_large'],
    ['431 Request Header Fields Too Large', 413, 'request_too_large'],
  ] as const) {
    for (const body of [page, '']) {
      test(`${status} with ${body === '' ? 'nothing' : 'a page'}: no SDK sends it again`, async () => {
        const [response, calls] = await see(status, 'content-type: text/html\r\n', body);
        const { error } = (await response.json()) as ErrorBody;
        assert.deepEqual(
          [response.status, error.code, error.type, calls],
          [seen, code, 'invalid_request_error', 1],
          error.message,
        );
        assert.match(error.message, new RegExp(`^Answered ${status.slice(0, 3)} with `, 'u'));
      });
    }
  }

  test('429 with a page, and no attempt is left: throttled, for as long as the upstream says', async () => {
    const headers = 'content-type: text/html\r\nretry-after: 7\r\n';
    const [response, calls] = await see('429 Too Many Requests', headers, page, { MAX_ATTEMPTS: '1' });
    const { error } = (await response.json()) as ErrorBody;
    assert.deepEqual(
      [response.status, error.code, error.type, calls],
      [429, 'upstream_rate_limited', 'requests', 1],
      error.message,
    );
    assert.equal(response.headers.get('retry-after'), '7');
  });

  test('429 with a page that names no wait: the rest that the gateway gives it is the Retry-After', async () => {
    const [response, calls] = await see('429 Too Many Requests', '', page, { MAX_ATTEMPTS: '2' });
    const { error } = (await response.json()) as ErrorBody;
    assert.deepEqual([response.status, error.code, calls], [429, 'upstream_rate_limited', 2], error.message);
    assert.equal(response.headers.get('retry-after'), '1');
  });

  test('429 with a page that names no wait, and another account was not asked: nobody says that all are throttled', async () => {
    const [response, calls] = await see('429 Too Many Requests', '', page, { MAX_ATTEMPTS: '1' });
    const { error } = (await response.json()) as ErrorBody;
    assert.deepEqual([response.status, error.code, calls], [429, 'upstream_rate_limited', 1]);
    assert.doesNotMatch(error.message, /every account/iu);
    assert.match(error.message, /account "/u);
  });

  test('503 with a page: the wait that it asks for reaches the client', async () => {
    const headers = 'content-type: text/html\r\nretry-after: 7\r\n';
    const [response] = await see('503 Service Unavailable', headers, page, { MAX_ATTEMPTS: '1' });
    assert.deepEqual([response.status, response.headers.get('retry-after')], [502, '7']);
  });

  for (const status of ['400 Bad Request', '500 Internal Server Error', '503 Service Unavailable']) {
    test(`${status} with a page says nothing of the request: another attempt, and 502 in the end`, async () => {
      const [response, calls] = await see(status, 'content-type: text/html\r\n', page, { MAX_ATTEMPTS: '2' });
      const { error } = (await response.json()) as ErrorBody;
      assert.deepEqual([response.status, error.code, calls], [502, 'upstream_invalid_response', 2]);
    });
  }
});
