// Tests who may use the management API, as a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../core/secret.ts';
import { judgeCaller, type Caller } from './auth.ts';

const token = new Secret('0123456789abcdef0123456789abcdef');
const nobody: Caller = {
  peer: undefined,
  host: undefined,
  origin: undefined,
  fetchSite: undefined,
  authorization: undefined,
};
const local: Caller = { ...nobody, peer: '127.0.0.1', host: 'localhost:8080' };
const remote: Caller = { ...nobody, peer: '203.0.113.9', host: 'gateway.example' };

type Row = readonly [what: string, caller: Caller, verdict: string | undefined];

const withoutToken: readonly Row[] = [
  ['curl on this machine', local, undefined],
  ['by 127.0.0.1', { ...local, host: '127.0.0.1:8080' }, undefined],
  ['by another loopback address', { ...local, peer: '127.8.9.1', host: '127.8.9.1' }, undefined],
  ['by IPv6', { ...local, peer: '::1', host: '[::1]:8080' }, undefined],
  ['by mapped IPv4', { ...local, peer: '::ffff:127.0.0.1' }, undefined],
  ['host in capitals', { ...local, host: 'LocalHost' }, undefined],
  ['own page', { ...local, origin: 'http://localhost:8080', fetchSite: 'same-origin' }, undefined],
  ['own page behind a TLS proxy', { ...local, host: 'localhost', origin: 'https://localhost' }, undefined],
  ['default port spelt out', { ...local, host: 'localhost:80', origin: 'http://localhost' }, undefined],
  ['typed into the address bar', { ...local, fetchSite: 'none' }, undefined],
  ['any other bearer value', { ...local, authorization: 'Bearer whatever' }, undefined],
  ['a client key', { ...local, authorization: 'Bearer agw_abc' }, 'forbidden'],
  ['another machine', { ...local, peer: '192.168.1.5' }, 'forbidden'],
  ['another machine with a mapped address', { ...local, peer: '::ffff:10.0.0.1' }, 'forbidden'],
  ['no peer', { ...local, peer: undefined }, 'forbidden'],
  ['a lookalike peer', { ...local, peer: '127.0.0.1.evil' }, 'forbidden'],
  ['rebound name', { ...local, host: 'evil.example:8080' }, 'forbidden'],
  ['no host', { ...local, host: undefined }, 'forbidden'],
  ['empty host', { ...local, host: '' }, 'forbidden'],
  ['a name below localhost', { ...local, host: 'evil.localhost' }, 'forbidden'],
  ['a name that begins like it', { ...local, host: 'localhost.evil.example' }, 'forbidden'],
  ['a name that begins like the address', { ...local, host: '127.0.0.1.evil.example' }, 'forbidden'],
  ['host with user', { ...local, host: 'localhost@evil.example' }, 'forbidden'],
  ['all interfaces', { ...local, host: '0.0.0.0:8080' }, 'forbidden'],
  ['foreign page', { ...local, origin: 'https://evil.example' }, 'forbidden'],
  ['page of another port', { ...local, origin: 'http://localhost:3000' }, 'forbidden'],
  ['page of another loopback name', { ...local, origin: 'http://127.0.0.1:8080' }, 'forbidden'],
  ['sandboxed page', { ...local, origin: 'null' }, 'forbidden'],
  ['empty origin', { ...local, origin: '' }, 'forbidden'],
  ['origin with a path', { ...local, origin: 'http://localhost:8080/x' }, 'forbidden'],
  ['extension', { ...local, origin: 'chrome-extension://localhost:8080' }, 'forbidden'],
  ['cross-site without origin', { ...local, fetchSite: 'cross-site' }, 'forbidden'],
  ['same-site without origin', { ...local, fetchSite: 'same-site' }, 'forbidden'],
];

const bearer = (text: string): Pick<Caller, 'authorization'> => ({ authorization: text });

const withToken: readonly Row[] = [
  ['the token', { ...remote, ...bearer(`Bearer ${token.reveal()}`) }, undefined],
  ['scheme in lower case', { ...remote, ...bearer(`bearer  ${token.reveal()}`) }, undefined],
  [
    'the token from a foreign page',
    { ...remote, ...bearer(`Bearer ${token.reveal()}`), origin: 'https://a.example' },
    undefined,
  ],
  ['nothing', remote, 'invalid_client_key'],
  ['nothing, on this machine', local, 'invalid_client_key'],
  ['a wrong token', { ...remote, ...bearer(`Bearer ${'x'.repeat(32)}`) }, 'invalid_client_key'],
  [
    'the beginning of the token',
    { ...remote, ...bearer(`Bearer ${token.reveal().slice(0, -1)}`) },
    'invalid_client_key',
  ],
  ['the token and more', { ...remote, ...bearer(`Bearer ${token.reveal()} x`) }, 'invalid_client_key'],
  ['another scheme', { ...remote, ...bearer(`Basic ${token.reveal()}`) }, 'invalid_client_key'],
  ['an empty bearer', { ...remote, ...bearer('Bearer ') }, 'invalid_client_key'],
  ['a client key', { ...remote, ...bearer('Bearer agw_abc') }, 'forbidden'],
];

test('without an admin token only this machine, and no foreign page in its browser, may pass', () => {
  for (const [what, caller, verdict] of withoutToken) {
    assert.equal(judgeCaller(caller, undefined)?.code, verdict, what);
  }
});

test('with an admin token only its holder may pass, from wherever', () => {
  for (const [what, caller, verdict] of withToken) {
    const refusal = judgeCaller(caller, token);
    assert.equal(refusal?.code, verdict, what);
    assert.equal(refusal?.message.includes(token.reveal()) ?? false, false, what);
    if (verdict === 'invalid_client_key') assert.deepEqual(refusal?.toHeaders(), ['www-authenticate', 'Bearer']);
  }
});
