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
  assert.ok(member.models.has(`bogus-${invented - 1}`) && !member.models.has('bogus-0'));
});
