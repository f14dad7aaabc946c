// Model names come from clients: what the pool remembers of them has an end, however many they invent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolAccount } from '../../test/support/pool-account.ts';
import type { QuotaReading } from '../core/quota.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';

const nowMs = 1_800_000_000_000;
const invented = 3000;
const kept = 1000;
const reading: QuotaReading = {
  limitRequests: 10,
  remainingRequests: 9,
  resetRequestsMs: null,
  limitTokens: null,
  remainingTokens: null,
  resetTokensMs: null,
};

test('of invented models an account and its quota remember the last thousand', () => {
  const pool = new Pool();
  pool.apply({ accounts: [poolAccount('a')] });
  for (let i = 0; i < invented; i += 1) {
    const wish = { providerId: 'openai', model: `bogus-${i}`, tokens: 10, tried: [] };
    const lease = pool.acquire(wish, nowMs + i, 0);
    assert.ok(lease instanceof Lease);
    lease.learnQuota(reading, nowMs + i);
    lease.report(null, nowMs + i);
    lease[Symbol.dispose]();
  }
  const member = pool.member('a');
  assert.ok(member);
  assert.deepEqual([member.models.size, member.group.models.size], [kept, kept]);
  assert.ok(member.models.get(`bogus-${invented - 1}`) !== undefined && member.models.get('bogus-0') === undefined);
});

test('of invented models it is remembered for the last of them whose turn it is', () => {
  const pool = new Pool();
  // The more accounts, the fewer models: sixteen at least.
  pool.apply({ accounts: Array.from({ length: 10_000 }, (_, n) => poolAccount(`a${n}`)) });
  const take = (model: string): string => {
    const lease = pool.acquire({ providerId: 'openai', model, tokens: 10, tried: [] }, nowMs, 0);
    assert.ok(lease instanceof Lease);
    lease[Symbol.dispose]();
    return lease.account.id;
  };
  const first = take('gpt-4');
  assert.notEqual(take('gpt-4'), first);
  for (let i = 0; i < 16; i += 1) take(`bogus-${i}`);
  assert.equal(take('gpt-4'), first);
});
