// Gateways that share the state of their accounts, with a clock and a hub in the test's hand.
import assert from 'node:assert/strict';
import type { Account } from '../../src/core/account.ts';
import { failureOf, type FailureKind } from '../../src/core/failure.ts';
import type { QuotaReading } from '../../src/core/quota.ts';
import { Lease } from '../../src/pool/lease.ts';
import { Pool } from '../../src/pool/pool.ts';
import type { Obstacle, Wish } from '../../src/pool/select.ts';
import { PoolSharing } from '../../src/pool/sharing.ts';
import { FakeClock } from './clock.ts';
import { PoolHub } from './pool-hub.ts';

/** A small wish. */
export const wish: Wish = { providerId: 'openai', model: 'gpt-4', tokens: 10, tried: [] };

/** A word of the upstream that says only this. */
export function reading(change: Partial<QuotaReading>): QuotaReading {
  return {
    limitRequests: null,
    remainingRequests: null,
    resetRequestsMs: null,
    limitTokens: null,
    remainingTokens: null,
    resetTokensMs: null,
    ...change,
  };
}

/** Some gateways with the same accounts. */
export class Ground {
  readonly clock = new FakeClock();
  readonly hub = new PoolHub(this.clock);
  readonly accounts: readonly Account[];

  constructor(...accounts: readonly Account[]) {
    this.accounts = accounts;
  }

  async start(accounts = this.accounts): Promise<Pool> {
    return (await this.startSharing(accounts)).pool;
  }

  async startSharing(accounts = this.accounts): Promise<{ readonly pool: Pool; readonly sharing: PoolSharing }> {
    const pool = new Pool();
    pool.apply({ accounts });
    const sharing = await PoolSharing.begin({ pool, exchange: this.hub.open(), clock: this.clock });
    return { pool, sharing };
  }

  take(pool: Pool, accountId: string, tokens = 10): Lease {
    const tried = this.accounts.map(({ id }) => id).filter((id) => id !== accountId);
    const lease = pool.acquire({ ...wish, tokens, tried }, this.clock.nowMs(), 0);
    assert.ok(lease instanceof Lease && lease.account.id === accountId);
    return lease;
  }

  fail(pool: Pool, accountId: string, kind: FailureKind, retryAfterMs?: number): void {
    using lease = this.take(pool, accountId);
    lease.report(
      { ...failureOf(kind, `${kind}.`), ...(retryAfterMs !== undefined && { retryAfterMs }) },
      this.clock.nowMs(),
    );
  }

  /** What stands against each account, by its id. */
  obstacles(pool: Pool, model = wish.model): Record<string, readonly Obstacle[]> {
    const found = pool.judge({ ...wish, model }, this.clock.nowMs());
    return Object.fromEntries(found.map(({ member, obstacles }) => [member.account.id, obstacles]));
  }

  left(pool: Pool, accountId: string): number[] {
    const found = pool.judge(wish, this.clock.nowMs()).find(({ member }) => member.account.id === accountId);
    return [found?.leftRequests ?? -1, found?.leftTokens ?? -1].map(Math.round);
  }
}
