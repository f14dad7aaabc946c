// What a change of the configuration leaves of what the pool knows, and what it does not: reloads come at any moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolAccount } from '../../test/support/pool-account.ts';
import type { Account } from '../core/account.ts';
import { failureOf } from '../core/failure.ts';
import type { QuotaReading } from '../core/quota.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';
import type { Candidate, Wish } from './select.ts';

const nowMs = 1_800_000_000_000;
const wish: Wish = { providerId: 'openai', model: 'gpt-4', tokens: 10, tried: [] };
const refusal = failureOf('invalid_api_key', 'answered 401');

const nothingLeft: QuotaReading = {
  limitRequests: 100,
  remainingRequests: 0,
  resetRequestsMs: null,
  limitTokens: null,
  remainingTokens: null,
  resetTokensMs: null,
};

function poolOf(...accounts: readonly Account[]): Pool {
  const pool = new Pool();
  pool.apply({ accounts });
  return pool;
}

function take(pool: Pool, atMs = nowMs): Lease {
  const found = pool.acquire(wish, atMs, 0);
  assert.ok(found instanceof Lease, 'somebody is free');
  return found;
}

function judged(pool: Pool, id: string, atMs = nowMs): Candidate {
  return pool.judge(wish, atMs).find(({ member }) => member.account.id === id) ?? assert.fail(id);
}

test('what was sent of a limit set by hand is still sent after a reload; another limit counts anew', () => {
  const account = (rpm: number): Account => poolAccount('a', { limits: { rpm } });
  const pool = poolOf(account(60));
  for (let n = 0; n < 10; n += 1) take(pool)[Symbol.dispose]();
  pool.apply({ accounts: [account(60)] });
  assert.equal(judged(pool, 'a').leftRequests, 50);
  pool.apply({ accounts: [account(30)] });
  assert.equal(judged(pool, 'a').leftRequests, 30);
});

test('of a shared quota the limits count that are set at the account which founded it', () => {
  const accounts = [
    poolAccount('a', { quotaGroup: 'g', limits: { rpm: 60 } }),
    poolAccount('b', { quotaGroup: 'g', limits: { rpm: 10 } }),
  ];
  const pool = poolOf(...accounts);
  take(pool)[Symbol.dispose]();
  pool.apply({ accounts });
  for (const { id } of accounts) assert.equal(judged(pool, id).leftRequests, 59, id);
});

test('where the account that founded a shared quota has gone, another’s limits count', () => {
  const next = (rpm: number): Account => poolAccount('b', { quotaGroup: 'g', limits: { rpm } });
  const pool = poolOf(poolAccount('a', { quotaGroup: 'g', limits: { rpm: 60 } }), next(10));
  take(pool)[Symbol.dispose]();
  pool.apply({ accounts: [poolAccount('a', { limits: { rpm: 60 } }), next(10)] });
  take(pool)[Symbol.dispose]();
  take(pool)[Symbol.dispose]();
  assert.equal(judged(pool, 'b').leftRequests, 9);
  pool.apply({ accounts: [next(20)] });
  assert.equal(judged(pool, 'b').leftRequests, 20);
});

test('the same key for another organization, project or provider begins anew, and the old answers say nothing of it', () => {
  for (const change of [{ organization: 'org-2' }, { project: 'proj_2' }, { providerId: 'other' }]) {
    const pool = poolOf(poolAccount('a', { organization: 'org-1' }));
    const [one, two] = [take(pool), take(pool)];
    one.learnOwner({ organization: 'org-1' });
    one.report(refusal, nowMs);
    pool.apply({ accounts: [poolAccount('a', { organization: 'org-1', ...change })] });
    const member = pool.member('a') ?? assert.fail('a');
    assert.deepEqual([member.bench, member.owner, member.group.sharedId], [undefined, {}, null]);
    two.learnOwner({ organization: 'org-1' });
    two.report(refusal, nowMs);
    assert.deepEqual([member.bench, member.owner], [undefined, {}], JSON.stringify(change));
  }
});

test('only accounts in use share a quota’s weight', () => {
  const shared = { quotaGroup: 'g' };
  const pool = poolOf(
    poolAccount('a', shared),
    poolAccount('b', shared),
    poolAccount('off', { ...shared, isActive: false }),
    poolAccount('draining', { ...shared, weight: 0 }),
  );
  assert.deepEqual(
    ['a', 'b'].map((id) => judged(pool, id).score),
    [0.5, 0.5],
  );
});

test('an account that is deleted and made again begins with a clean slate', () => {
  const account = poolAccount('a', { limits: { rpm: 60 } });
  const pool = poolOf(account);
  {
    using lease = take(pool);
    lease.report(refusal, nowMs);
  }
  pool.apply({ accounts: [] });
  assert.equal(pool.member('a'), undefined);
  pool.apply({ accounts: [account] });
  assert.deepEqual(judged(pool, 'a').obstacles, []);
  assert.equal(judged(pool, 'a').leftRequests, 60);
});

test('a new credential may be another organization’s', () => {
  const pool = poolOf(poolAccount('a'), poolAccount('b'));
  for (const id of ['a', 'b']) pool.onOwner(pool.member(id) ?? assert.fail(id), { organization: 'org' });
  pool.apply({ accounts: [poolAccount('a', { credentialVersion: 'next' }), poolAccount('b')] });
  assert.deepEqual(pool.member('a')?.owner, {});
  assert.equal(pool.member('a')?.group.sharedId, null);
  assert.equal(judged(pool, 'b').score, 1);
});

test('a new credential lifts its own rests, not those of the accounts that it shared a quota with', () => {
  const b = poolAccount('b', { quotaGroup: 'g' });
  const pool = poolOf(poolAccount('a', { quotaGroup: 'g' }), b);
  {
    using lease = take(pool);
    lease.report(failureOf('rate_limited', 'answered 429', { retryAfterMs: 7000 }), nowMs);
  }
  assert.deepEqual(judged(pool, 'b').obstacles, ['benched']);
  pool.apply({ accounts: [poolAccount('a', { credentialVersion: 'next' }), b] });
  assert.deepEqual([judged(pool, 'a').obstacles, judged(pool, 'b').obstacles], [[], ['benched']]);
});

test('what an answer to the old credential says is left is nothing to the new one', () => {
  const pool = poolOf(poolAccount('a'));
  const old = take(pool);
  pool.apply({ accounts: [poolAccount('a', { credentialVersion: 'next' })] });
  old.learnQuota(nothingLeft, nowMs);
  old[Symbol.dispose]();
  assert.deepEqual(judged(pool, 'a').obstacles, []);
});

test('a credential that is changed while the old one is on trial gets trials of its own', () => {
  const pool = poolOf(poolAccount('a'));
  const failIn = (lease: Lease, atMs: number): void => {
    lease.report(refusal, atMs);
    lease[Symbol.dispose]();
  };
  failIn(take(pool), nowMs);
  const endMs = (): number => pool.member('a')?.bench?.untilMs ?? assert.fail('benched');
  const trial = take(pool, endMs());
  pool.apply({ accounts: [poolAccount('a', { credentialVersion: 'next' })] });
  trial[Symbol.dispose]();
  failIn(take(pool, nowMs + 1_000_000), nowMs + 1_000_000);
  take(pool, endMs());
});

test('what is given back twice is given back once', () => {
  const pool = poolOf(poolAccount('a', { limits: { rpm: 60 } }));
  const told: number[] = [];
  pool.tellBy({
    parties: 1,
    onTaken: (_member, _model, requests) => void told.push(requests),
    onReading() {},
    onRest() {},
    onOwner() {},
    onLifted() {},
  });
  using lease = take(pool);
  lease.refund();
  lease.refund();
  assert.deepEqual(told, [1, -1]);
  assert.equal(judged(pool, 'a').leftRequests, 60);
});

test('each use of an account is told once', () => {
  const pool = poolOf(poolAccount('a'), poolAccount('b', { priority: -1 }));
  take(pool)[Symbol.dispose]();
  assert.deepEqual(pool.takeUses(), new Map([['a', nowMs]]));
  assert.deepEqual(pool.takeUses(), new Map());
});

test('an account with hardly anything left keeps a small chance', () => {
  const pool = poolOf(poolAccount('a'));
  pool.member('a')?.group.learn('gpt-4', { ...nothingLeft, limitRequests: 1000, remainingRequests: 1 }, nowMs, nowMs);
  assert.equal(judged(pool, 'a').score, 0.05);
});

test('who is throttled is waited for until the rest has ended', () => {
  const pool = poolOf(poolAccount('a'));
  {
    using lease = take(pool);
    lease.report(failureOf('rate_limited', 'answered 429', { retryAfterMs: 7000 }), nowMs);
  }
  assert.equal(pool.exhausted(wish, nowMs).freeAtMs, nowMs + 7000);
});

test('limits set by hand that change together with the quota group hold for models that are known already, too', () => {
  for (const [before, after, expected] of [
    [{ rpm: 10 }, { rpm: 500 }, 500],
    [{ rpm: 10 }, {}, 1000],
    [{}, { rpm: 10 }, 10],
  ] as const) {
    const pool = poolOf(poolAccount('a', { limits: before }));
    pool
      .member('a')
      ?.group.learn('gpt-4', { ...nothingLeft, limitRequests: 1000, remainingRequests: 900 }, nowMs, nowMs);
    pool.apply({ accounts: [poolAccount('a', { limits: after, quotaGroup: 'shared' })] });
    assert.equal(pool.member('a')?.group.quota('gpt-4').requests.limit, expected, JSON.stringify({ before, after }));
  }
});
