// Tests of what the API says of a client key's times.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey } from './contract/key.ts';
import { makeKey, newRow, presentKey } from './key-row.ts';

const nowMs = Date.parse('2026-11-23T12:00:00Z');
const row = newRow('key_1', newKey.parse({ name: 'Key' }), makeKey(), nowMs);

test('a use that is not noted yet is told in place of the one that is', () => {
  const used = { ...row, last_used_at: '2026-11-20T00:00:00.000Z' };
  assert.equal(presentKey(used, nowMs, nowMs - 1000).last_used_at, '2026-11-23T11:59:59.000Z');
  assert.equal(presentKey(used, nowMs).last_used_at, '2026-11-20T00:00:00.000Z');
  assert.equal(presentKey(row, nowMs).last_used_at, null);
});

test('a key that was replaced is told of as long as it works', () => {
  const until = new Date(nowMs + 1000).toISOString();
  const rotated = { ...row, previous_key_hash: row.key_hash, previous_until: until };
  assert.equal(presentKey(rotated, nowMs + 999).previous_key_until, until);
  assert.equal(presentKey(rotated, nowMs + 1000).previous_key_until, null);
});
