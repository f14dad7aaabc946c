// Tests what is told of accounts that rest as a whole: once for each rest, for every account that it concerns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { poolAccount } from '../../test/support/pool-account.ts';
import { failureOf, type FailureKind } from '../core/failure.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';

const wish = { providerId: 'openai', model: 'gpt-4', tokens: 10, tried: [] };

function setUp(...ids: readonly string[]): {
  readonly pool: Pool;
  readonly clock: FakeClock;
  readonly told: string[];
  /** Attempts that run side by side on the account, and all fail. */
  readonly fail: (kind: FailureKind, accountId: string, attempts?: number) => Promise<void>;
} {
  const told: string[] = [];
  const pool = new Pool(({ id }, { kind, strikes }) => told.push(`${id} ${kind} ${strikes}`));
  pool.apply({ accounts: ids.map((id) => poolAccount(id)) });
  const clock = new FakeClock();
  const take = (accountId: string): Lease => {
    const lease = pool.acquire({ ...wish, tried: ids.filter((id) => id !== accountId) }, clock.nowMs(), 0);
    assert.ok(lease instanceof Lease && lease.account.id === accountId);
    return lease;
  };
  const fail = async (kind: FailureKind, accountId: string, attempts = 1): Promise<void> => {
    for (const lease of Array.from({ length: attempts }, () => take(accountId))) {
      lease.report(failureOf(kind, 'no.'), clock.nowMs());
      lease[Symbol.dispose]();
      await clock.advance(1);
    }
  };
  return { pool, clock, told, fail };
}

test('a key that is refused ten times at once is told once, and again when its trial fails', async () => {
  const { pool, clock, told, fail } = setUp('a', 'b');
  await fail('invalid_api_key', 'a', 10);
  assert.deepEqual(told, ['a invalid_api_key 1']);
  assert.deepEqual(
    pool.benched(clock.nowMs()).map(({ account, kind }) => [account.id, kind]),
    [['a', 'invalid_api_key']],
  );
  await clock.advance(6 * 60_000);
  assert.deepEqual(pool.benched(clock.nowMs()), []);
  await fail('invalid_api_key', 'a');
  assert.deepEqual(told, ['a invalid_api_key 1', 'a invalid_api_key 2']);
});

test('an account that was switched off alarms nobody any more', async () => {
  const { pool, clock, fail } = setUp('a');
  await fail('invalid_api_key', 'a');
  pool.apply({ accounts: [poolAccount('a', { isActive: false })] });
  assert.deepEqual(pool.benched(clock.nowMs()), []);
});

test('an empty balance is told of every account of the organization', async () => {
  const { pool, told, fail } = setUp('a', 'b', 'c');
  for (const id of ['a', 'b']) pool.onOwner(pool.member(id) ?? assert.fail(), { organization: 'org-1' });
  await fail('insufficient_quota', 'a', 3);
  assert.deepEqual(told, ['a insufficient_quota 1', 'b insufficient_quota 1']);
});

test('a rate limit and a failing upstream are no alarm', async () => {
  const { pool, clock, told, fail } = setUp('a');
  await fail('upstream_error', 'a', 3);
  await fail('rate_limited', 'a');
  assert.deepEqual(told, []);
  assert.deepEqual(pool.benched(clock.nowMs()), []);
});
