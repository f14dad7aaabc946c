// Tests which credentials accounts may have, and how each strategy sends them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAuthStrategy, readCredential } from './auth-strategies.ts';

const prefixes = ['sk-', 'sk-proj-'];

/** The credential as its strategy sends it, else what is wrong with it. */
function sent(strategyId: string, authData: Record<string, unknown>, keyPrefixes = prefixes): unknown {
  const strategy = findAuthStrategy(strategyId);
  assert.ok(strategy, strategyId);
  const read = readCredential(authData, strategy, keyPrefixes);
  return 'message' in read ? read.message : strategy.headers(read.credential);
}

test('a key must begin as those of its provider do; a token may be any text', () => {
  const bearer = (text: string): unknown => [['authorization', `Bearer ${text}`]];
  assert.deepEqual(sent('api_key', { api_key: 'sk-1' }), bearer('sk-1'));
  assert.deepEqual(sent('api_key', { api_key: 'token-1' }, []), bearer('token-1'));
  assert.match(
    String(sent('api_key', { api_key: 'token-1' })),
    /^auth_data\.api_key must start with "sk-" or "sk-proj-"/u,
  );
  assert.match(String(sent('api_key', { api_key: 'sk-proj-' })), /only the beginning of a key/u);
  assert.deepEqual(sent('bearer', { token: 'token-1' }), bearer('token-1'));
  assert.deepEqual(sent('bearer', { token: 'sk-proj-' }), bearer('sk-proj-'));
});

test('the first field that is there counts, without the white space of a copy', () => {
  assert.deepEqual(sent('bearer', { access_token: 'c', key: 'b', api_key: ' a\n' }), [['authorization', 'Bearer a']]);
  assert.match(String(sent('bearer', { api_key: null, token: 'b' })), /^auth_data\.api_key must be a non-empty text/u);
  assert.match(String(sent('bearer', { key: ' ' })), /^auth_data\.key must be a non-empty text/u);
  assert.match(String(sent('bearer', { token: 'a b' })), /^auth_data\.token holds white space/u);
  assert.match(String(sent('bearer', { secret: 'a' })), /^auth_data needs one of api_key, /u);
});

test('a strategy is one of the table, and nothing that every object has', () => {
  for (const id of ['', 'API_KEY', 'oauth', '__proto__', 'constructor', 'toString'])
    assert.equal(findAuthStrategy(id), undefined, id);
});
