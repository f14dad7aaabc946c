// The one request that finds out whether an account is well again: who else may follow it, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { poolAccount } from '../../test/support/pool-account.ts';
import { failureOf, type FailureKind } from '../core/failure.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';
import type { Obstacle, Wish } from './select.ts';

const nowMs = 1_800_000_000_000;
const wish: Wish = { providerId: 'openai', model: 'gpt-4', tokens: 10, tried: [] };

function poolOfOne(): Pool {
  const pool = new Pool();
  pool.apply({ accounts: [poolAccount('a')] });
  return pool;
}

function take(pool: Pool, atMs = nowMs): Lease {
  const found = pool.acquire(wish, atMs, 0);
  assert.ok(found instanceof Lease, 'somebody is free');
  return found;
}

function failing(kind: FailureKind): Pool {
  const pool = poolOfOne();
  for (const lease of Array.from({ length: 5 }, () => take(pool))) {
    lease.report(failureOf(kind, 'x'), nowMs);
    lease[Symbol.dispose]();
  }
  return pool;
}

function obstacles(pool: Pool, atMs: number): readonly Obstacle[] {
  return pool.judge(wish, atMs)[0]?.obstacles ?? assert.fail('no account');
}

test('a trial that is being answered is not waited for, however long its answer lasts', () => {
  for (const kind of ['invalid_api_key', 'upstream_error'] as const) {
    const pool = failing(kind);
    const laterMs = nowMs + 300_001;
    const trial = take(pool, laterMs);
    assert.notDeepEqual(obstacles(pool, laterMs), [], kind);
    let told = 0;
    pool.onFree(() => (told += 1));
    trial.prove(laterMs);
    assert.equal(told, 1, 'whoever waits hears of it');
    assert.deepEqual(obstacles(pool, laterMs), [], kind);
    assert.equal(pool.member('a')?.bench, undefined);
    trial.prove(laterMs);
    assert.equal(told, 1);
  }
});

test('a trial that was never made leaves its place to the next', () => {
  const pool = failing('upstream_error');
  const laterMs = nowMs + 10_000;
  const trial = take(pool, laterMs);
  assert.deepEqual(obstacles(pool, laterMs), ['circuit_open']);
  trial.refund();
  trial[Symbol.dispose]();
  assert.deepEqual(obstacles(pool, laterMs), []);
});

test('who was under way when the circuit opened neither closes it nor lets a second request try', () => {
  const pool = poolOfOne();
  const [good, gone, ...bad] = Array.from({ length: 7 }, () => take(pool));
  for (const lease of bad) lease.report(failureOf('upstream_error', 'x'), nowMs);
  good?.report(null, nowMs);
  assert.deepEqual(obstacles(pool, nowMs), ['circuit_open']);
  const laterMs = nowMs + 10_000;
  using trial = take(pool, laterMs);
  gone?.report(failureOf('client_gone', 'x'), laterMs);
  gone?.[Symbol.dispose]();
  assert.deepEqual(obstacles(pool, laterMs), ['circuit_open']);
  trial.report(null, laterMs);
  assert.deepEqual(obstacles(pool, laterMs), []);
});

test('a connection that the upstream had let go counts as no failure, and as no trial', () => {
  const stale = failureOf('connection_failed', 'x', { isStale: true });
  const pool = poolOfOne();
  for (const lease of Array.from({ length: 6 }, () => take(pool))) {
    lease.report(stale, nowMs);
    lease[Symbol.dispose]();
  }
  assert.deepEqual(obstacles(pool, nowMs), []);
  const rested = failing('connection_failed');
  const laterMs = nowMs + 10_000;
  const trial = take(rested, laterMs);
  trial.report(stale, laterMs);
  trial[Symbol.dispose]();
  assert.deepEqual(obstacles(rested, laterMs), [], 'the next tries, on a fresh connection');
});
