// Selection as a pure function: who is eligible and why not, in which order, and how evenly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Account } from '../core/account.ts';
import { failureKinds, failureOf, type FailureKind } from '../core/failure.ts';
import { benchAfter } from './bench.ts';
import { Lease } from './lease.ts';
import type { Member } from './member.ts';
import { Pool } from './pool.ts';
import type { Obstacle, Wish } from './select.ts';
import { poolAccount } from '../../test/support/pool-account.ts';

const nowMs = 1_800_000_000_000;

function poolOf(...accounts: readonly Account[]): Pool {
  const pool = new Pool();
  pool.apply({ accounts });
  return pool;
}

const wish: Wish = { providerId: 'openai', model: 'gpt-4', tokens: 10, tried: [] };

function member(pool: Pool, id: string): Member {
  const found = pool.member(id);
  assert.ok(found);
  return found;
}

/** What an answer says to a refused key. */
const refusal = failureOf('invalid_api_key', 'answered 401');

test('what becomes of an old credential is not held against the new one', () => {
  const pool = poolOf(poolAccount('a'));
  const old = take(pool);
  pool.apply({ accounts: [poolAccount('a', { credentialVersion: 'next' })] });
  const fresh = take(pool);
  old.learnOwner({ organization: 'org-old' });
  old.report(refusal, nowMs);
  old[Symbol.dispose]();
  assert.deepEqual([member(pool, 'a').bench, member(pool, 'a').owner], [undefined, {}]);
  assert.equal(member(pool, 'a').inFlight, 1);
  fresh.report(refusal, nowMs);
  assert.ok(member(pool, 'a').bench);
});

test('only what an upstream is to blame for opens a circuit, and no client benches an account', () => {
  for (const [kind, { source, scope }] of Object.entries(failureKinds)) {
    const pool = poolOf(poolAccount('a'));
    for (let i = 0; i < 10; i += 1) {
      using lease = take(pool, {}, nowMs + i);
      lease.report(failureOf(kind as FailureKind, 'x'), nowMs + i);
      if (member(pool, 'a').benchFor('gpt-4', nowMs + i) !== undefined) break;
      if (
        member(pool, 'a')
          .model('gpt-4')
          .circuit.state(nowMs + i) === 'open'
      )
        break;
    }
    const bench = member(pool, 'a').benchFor('gpt-4', nowMs + 10)?.kind;
    const isOpen =
      member(pool, 'a')
        .model('gpt-4')
        .circuit.state(nowMs + 10) === 'open';
    assert.deepEqual([kind, bench, isOpen], [kind, scope === 'none' ? undefined : kind, source === 'upstream']);
  }
});

test('a client that goes, a time limit of its own and the end of the gateway are nobody’s fault but theirs', () => {
  for (const kind of ['client_gone', 'deadline_passed', 'shutdown'] as const)
    assert.deepEqual([failureKinds[kind].source, failureKinds[kind].scope], ['client', 'none'], kind);
});

function take(pool: Pool, change: Partial<Wish> = {}, atMs = nowMs): Lease {
  const found = pool.acquire({ ...wish, ...change }, atMs, 0);
  assert.ok(found instanceof Lease);
  return found;
}

const obstacles: readonly [name: Obstacle, arrange: (pool: Pool) => void, change: Partial<Account>][] = [
  ['inactive', () => {}, { isActive: false }],
  ['draining', () => {}, { weight: 0 }],
  ['model_not_allowed', () => {}, { allowedModels: ['gpt-3*'] }],
  [
    'benched',
    (pool) => (member(pool, 'a').bench = benchAfter(undefined, failureOf('invalid_api_key', 'x'), nowMs)),
    {},
  ],
  [
    'circuit_open',
    (pool) => Array.from({ length: 5 }, () => member(pool, 'a').model('gpt-4').circuit.fail('x', nowMs, false)),
    {},
  ],
  ['concurrency_reached', (pool) => take(pool), { limits: { max_concurrency: 1 } }],
  ['no_requests_left', (pool) => take(pool)[Symbol.dispose](), { limits: { rpm: 1 } }],
  ['no_tokens_left', (pool) => take(pool)[Symbol.dispose](), { limits: { tpm: 15 } }],
];

for (const [name, arrange, change] of obstacles) {
  test(`${name} keeps a member from serving, and is said`, () => {
    const pool = poolOf(poolAccount('a', change));
    arrange(pool);
    assert.deepEqual(pool.judge(wish, nowMs)[0]?.obstacles, [name]);
    assert.equal(pool.acquire(wish, nowMs, 0) instanceof Lease, false);
  });
}

test('equal accounts take turns', () => {
  const pool = poolOf(poolAccount('a'), poolAccount('b'), poolAccount('c'));
  const counts: Record<string, number> = {};
  for (let i = 0; i < 300; i += 1) {
    const { id } = take(pool).member.account;
    counts[id] = (counts[id] ?? 0) + 1;
  }
  assert.deepEqual(counts, { a: 100, b: 100, c: 100 });
});

test('weights are honoured within 3σ over a million picks, 1:1000 too', () => {
  const weights = [1, 1000, 250, 0];
  const pool = poolOf(...weights.map((weight, i) => poolAccount(`a${i}`, { weight })));
  const counts = weights.map(() => 0);
  const picks = 1_000_000;
  for (let i = 0; i < picks; i += 1) {
    using lease = take(pool);
    const n = Number(lease.member.account.id.slice(1));
    counts[n] = (counts[n] ?? 0) + 1;
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) {
    const share = weight / total;
    const sigma = Math.sqrt(picks * share * (1 - share));
    assert.ok(Math.abs((counts[i] ?? 0) - picks * share) <= 3 * sigma + 1, `${weight}: ${counts[i]} picks`);
  }
});

test('weights hold for each model, however busy another is', () => {
  const pool = poolOf(poolAccount('a', { weight: 3 }), poolAccount('b'), poolAccount('c'));
  const counts: Record<string, number> = {};
  for (let i = 0; i < 1000; i += 1) {
    for (let n = 0; n < 5; n += 1) take(pool, { model: 'gpt-4o' });
    const { id } = take(pool).member.account;
    counts[id] = (counts[id] ?? 0) + 1;
  }
  assert.ok(Math.abs((counts['a'] ?? 0) - 600) <= 2, JSON.stringify(counts));
});

test('accounts that share a quota get one share together', () => {
  const pool = poolOf(
    poolAccount('a'),
    poolAccount('b', { quotaGroup: 'team' }),
    poolAccount('c', { quotaGroup: 'team' }),
  );
  let alone = 0;
  for (let i = 0; i < 1000; i += 1) if (take(pool).member.account.id === 'a') alone += 1;
  assert.ok(Math.abs(alone - 500) <= 2, String(alone));
});

test('higher priority first, the untried before the tried, whoever has more left gets more', () => {
  const pool = poolOf(poolAccount('low'), poolAccount('high', { priority: 1 }));
  assert.equal(take(pool).member.account.id, 'high');
  assert.equal(take(pool, { tried: ['high'] }).member.account.id, 'low');
  assert.equal(take(pool, { tried: ['high', 'low'] }).member.account.id, 'high');

  const unequal = poolOf(poolAccount('full'), poolAccount('half'));
  const head = (remaining: number): Parameters<Lease['learnQuota']>[0] => ({
    limitRequests: 1000,
    remainingRequests: remaining,
    resetRequestsMs: 0,
    limitTokens: null,
    remainingTokens: null,
    resetTokensMs: null,
  });
  member(unequal, 'full').group.learn('gpt-4', head(1000) as never, nowMs, nowMs);
  member(unequal, 'half').group.learn('gpt-4', head(500) as never, nowMs, nowMs);
  let full = 0;
  for (let i = 0; i < 90; i += 1) if (take(unequal).member.account.id === 'full') full += 1;
  assert.ok(full > 50 && full < 70, String(full));
});

test('whoever comes back from a bench is not owed what it missed', () => {
  const pool = poolOf(poolAccount('a'), poolAccount('b'));
  member(pool, 'b').bench = benchAfter(undefined, failureOf('invalid_api_key', 'x'), nowMs);
  for (let i = 0; i < 1000; i += 1) take(pool);
  member(pool, 'b').unbench();
  let back = 0;
  for (let i = 0; i < 100; i += 1) if (take(pool).member.account.id === 'b') back += 1;
  assert.ok(back >= 49 && back <= 52, String(back));
});

test('when a bench has ended one request tries the account, and the others follow when it succeeds', () => {
  const pool = poolOf(poolAccount('a'));
  const failure = failureOf('insufficient_quota', 'x');
  member(pool, 'a').bench = benchAfter(undefined, failure, nowMs);
  const laterMs = nowMs + 300_001;
  const trial = take(pool, {}, laterMs);
  assert.deepEqual(pool.judge(wish, laterMs)[0]?.obstacles, ['benched']);
  trial.report(failure, laterMs);
  trial[Symbol.dispose]();
  assert.equal(member(pool, 'a').bench?.untilMs, laterMs + 600_000, 'twice as long');
  const againMs = laterMs + 600_001;
  const second = take(pool, {}, againMs);
  second.report(null, againMs);
  second[Symbol.dispose]();
  assert.equal(member(pool, 'a').bench, undefined);
  assert.deepEqual(pool.judge(wish, againMs)[0]?.obstacles, []);
});

test('never an ineligible member, whatever the state; leases return to zero', () => {
  const change = fc.record({
    isActive: fc.boolean(),
    weight: fc.constantFrom(0, 0.001, 1, 7),
    priority: fc.integer({ min: -1, max: 1 }),
    allowedModels: fc.constantFrom([], ['gpt-4'], ['x']),
    limits: fc.record({
      rpm: fc.constantFrom(null, 1, 3),
      tpm: fc.constantFrom(null, 25),
      max_concurrency: fc.constantFrom(null, 1, 2),
    }),
    quotaGroup: fc.constantFrom(null, 'g'),
  });
  const kinds = [
    'rate_limited',
    'invalid_api_key',
    'upstream_error',
    'caller_error',
    'model_not_found',
    'insufficient_quota',
    'client_gone',
  ] as const;
  const step = fc.record({
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    waitMs: fc.nat(30_000),
    failure: fc.option(fc.constantFrom(...kinds)),
    holds: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), fc.array(step, { maxLength: 40 }), (changes, steps) => {
      const pool = poolOf(...changes.map((one, i) => poolAccount(`a${i}`, one)));
      const held: Lease[] = [];
      let atMs = nowMs;
      for (const { random, waitMs, failure, holds } of steps) {
        atMs += waitMs;
        const eligible = new Set(
          pool
            .judge(wish, atMs)
            .filter((candidate) => candidate.obstacles.length === 0)
            .map((candidate) => candidate.member),
        );
        const found = pool.acquire(wish, atMs, random);
        assert.equal(found instanceof Lease, eligible.size > 0);
        if (!(found instanceof Lease)) continue;
        assert.ok(eligible.has(found.member));
        assert.ok(found.member.inFlight <= (found.member.account.limits.max_concurrency ?? Number.POSITIVE_INFINITY));
        if (holds) held.push(found);
        else {
          found.report(failure === null ? null : failureOf(failure, 'x'), atMs);
          found[Symbol.dispose]();
        }
      }
      for (const lease of held) lease[Symbol.dispose]();
      for (const { inFlight } of pool.members) assert.equal(inFlight, 0);
    }),
  );
});
