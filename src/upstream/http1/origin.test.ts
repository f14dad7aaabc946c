// Tests where an origin leads: scheme, host and port as they are dialled and named.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOrigin } from './connection-pool.ts';

test('an origin without a port has that of its scheme, and an IPv6 address is dialled without brackets', () => {
  const origins: readonly (readonly [
    origin: string,
    isSecure: boolean,
    hostname: string,
    port: number,
    host: string,
  ])[] = [
    ['https://api.openai.com', true, 'api.openai.com', 443, 'api.openai.com'],
    ['http://models.example', false, 'models.example', 80, 'models.example'],
    ['https://models.example:8443', true, 'models.example', 8443, 'models.example:8443'],
    ['http://[::1]:8080', false, '::1', 8080, '[::1]:8080'],
  ];
  for (const [origin, isSecure, hostname, port, host] of origins)
    assert.deepEqual(readOrigin(origin), { isSecure, hostname, port, host });
});
