// Tests which heads are refused; test/integration/smuggling.test.ts sends them over sockets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalOf } from './strictness.ts';

function head(lines: readonly (readonly [string, string])[], change: { version?: string; target?: string } = {}) {
  const fields = lines.flatMap(([name, value]) => [name.toLowerCase(), value]);
  return { version: '1.1', target: '/v1/models', fields, ...change };
}

const host = ['Host', 'localhost:8080'] as const;

test('ordinary heads pass, whatever headers are repeated that decide nothing', () => {
  for (const good of [
    head([host]),
    head([host, ['Accept', 'a'], ['Accept', 'b'], ['X-A', '1'], ['x-a', '2'], ['Cookie', 'a=b'], ['Cookie', 'c=d']]),
    head([host, ['Transfer-Encoding', 'Chunked']]),
    head([['host', '[::1]:8080']]),
    head([['host', 'gateway.example.com.']]),
    head([['host', 'gateway_1']]),
    head([], { version: '1.0' }),
    head([host], { target: '//v1/models' }),
    head([host], { target: '/v1/models/a..b' }),
    head([host], { target: '/v1/models/...' }),
    head([host], { target: '/v1/models/.a' }),
    head([host], { target: '/v1/models?path=/../%2e/\\#' }),
    head([host, ...Array.from({ length: 199 }, (_, n) => [`x-${n}`, ''] as const)]),
  ])
    assert.equal(refusalOf(good), undefined, JSON.stringify(good));
});

test('what could be read in two ways is refused', () => {
  const rows: readonly (readonly [request: Parameters<typeof refusalOf>[0], status: number, message: RegExp])[] = [
    [head([host, ['HOST', 'localhost:8080']]), 400, /header host must be sent once/u],
    [head([host, ['Authorization', 'a'], ['authorization', 'b']]), 400, /header authorization/u],
    [head([host, ['Content-Length', '1'], ['Content-Length', '1']]), 400, /header content-length/u],
    [head([host, ['X-AIGateway-Stream', 'buffered'], ['x-aigateway-stream', '']]), 400, /x-aigateway-stream/u],
    [head([]), 400, /header host must name/u],
    [head([['host', '']]), 400, /header host must name/u],
    [head([['host', 'a/b']]), 400, /header host must name/u],
    [head([['host', 'a@b']]), 400, /header host must name/u],
    [head([['host', 'a, b']]), 400, /header host must name/u],
    [head([['host', 'a?b']]), 400, /header host must name/u],
    [head([['host', 'é']]), 400, /header host must name/u],
    [head([host], { target: 'http://localhost/v1/models' }), 400, /must be a path/u],
    [head([host], { target: '*' }), 400, /must be a path/u],
    [head([host], { target: '' }), 400, /must be a path/u],
    ...['/v1/../api/v1/x', '/..', '/.', '/a/./b', '/a/%2e%2E/b', '/a/.%2e', '/a/%2e?x', '/a\\b', '/a#b', '/a/..?b'].map(
      (target) => [head([host], { target }), 400, /must be plain/u] as const,
    ),
    [head([host], { version: '2.0' }), 400, /speaks HTTP\/1\.1/u],
    [head([host], { version: '0.9' }), 400, /speaks HTTP\/1\.1/u],
    [head([host, ['Expect', '200-ok']]), 417, /only expectation/u],
    [head([host, ['Transfer-Encoding', 'gzip, chunked']]), 400, /only transfer-encoding/u],
    [head([['Transfer-Encoding', 'chunked']], { version: '1.0' }), 400, /not for HTTP\/1\.0/u],
    [head([host, ...Array.from({ length: 200 }, (_, n) => [`x-${n}`, ''] as const)]), 431, /more than 200 headers/u],
  ];
  for (const [request, status, message] of rows) {
    const refusal = refusalOf(request);
    assert.equal(refusal?.status, status, JSON.stringify(request));
    assert.match(refusal?.message ?? '', message);
  }
});
