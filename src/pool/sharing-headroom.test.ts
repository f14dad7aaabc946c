// Three gateways at 95 % of what five accounts truly allow, against an upstream with the same buckets as OpenAI's, simulated.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { PoolHub } from '../../test/support/pool-hub.ts';
import { failureOf } from '../core/failure.ts';
import type { QuotaReading } from '../core/quota.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';
import { PoolSharing } from './sharing.ts';
import { poolAccount } from '../../test/support/pool-account.ts';

/** Requests and tokens a minute; the second and the third draw on one quota. As in bench/headroom.ts. */
const accounts = [
  { id: 'a', owner: 'a', rpm: 6000, tpm: 1_200_000 },
  { id: 'b', owner: 'b', rpm: 2400, tpm: 150_000 },
  { id: 'c', owner: 'b', rpm: 2400, tpm: 150_000 },
  { id: 'd', owner: 'd', rpm: 1200, tpm: 400_000 },
  { id: 'e', owner: 'e', rpm: 600, tpm: 90_000 },
] as const;
const tokens = 100;
const demandShare = 0.95;
const seconds = 100;
const stepMs = 10;
const longestWaitMs = 20_000;

/** A bucket that refills continuously, as OpenAI's do. */
class Bucket {
  readonly limit: number;
  #level: number;
  #sinceMs: number;

  constructor(limit: number, nowMs: number) {
    this.limit = limit;
    this.#level = limit;
    this.#sinceMs = nowMs;
  }

  left(nowMs: number): number {
    this.#level = Math.min(this.limit, this.#level + ((nowMs - this.#sinceMs) / 60_000) * this.limit);
    this.#sinceMs = nowMs;
    return this.#level;
  }

  take(amount: number): void {
    this.#level -= amount;
  }
}

/** Mulberry32: the same numbers every time. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Outcome {
  demand: number;
  served: number;
  calls: number;
  refused: number;
}

interface Call {
  readonly lease: Lease;
  readonly arrivedAtMs: number;
  readonly pool: Pool;
  readonly endsAtMs: number;
  readonly reading: QuotaReading | undefined;
}

/** Whether the gateways hear of each other, do not at the moment, or never do. */
type Way = 'open' | 'cut' | 'none';

async function play({ gateways, way, latencyMs }: Case): Promise<Outcome> {
  const clock = new FakeClock();
  const hub = new PoolHub(clock);
  const random = numbersFrom(1);
  const pools: Pool[] = [];
  for (let n = 0; n < gateways; n += 1) {
    const pool = new Pool();
    pool.apply({ accounts: accounts.map(({ id }) => poolAccount(id)) });
    if (way !== 'none') await PoolSharing.begin({ pool, exchange: hub.open(), clock });
    pools.push(pool);
  }
  if (way === 'cut') hub.cut();
  const nowMs = clock.nowMs();
  const buckets = new Map<string, { readonly requests: Bucket; readonly tokens: Bucket }>(
    accounts.map(({ owner, rpm, tpm }) => [
      owner,
      { requests: new Bucket(rpm, nowMs), tokens: new Bucket(tpm, nowMs) },
    ]),
  );
  const ownerOf = new Map<string, string>(accounts.map(({ id, owner }) => [id, owner]));
  const trueSum = [...buckets.values()].reduce(
    (sum, { requests, tokens: tpm }) => sum + Math.min(requests.limit, tpm.limit / tokens),
    0,
  );
  const perMs = (trueSum * demandShare) / 60_000;
  const outcome: Outcome = { demand: 0, served: 0, calls: 0, refused: 0 };
  let waiting: { readonly pool: Pool; readonly arrivedAtMs: number }[] = [];
  let running: Call[] = [];
  const endMs = nowMs + seconds * 1000;
  let nextMs = nowMs;
  for (let atMs = nowMs; atMs < endMs + longestWaitMs; atMs += stepMs) {
    await clock.advance(stepMs);
    for (; nextMs <= atMs && nextMs < endMs; nextMs += -Math.log(1 - random()) / perMs) {
      outcome.demand += 1;
      waiting.push({ pool: pools[Math.floor(random() * gateways)] as Pool, arrivedAtMs: atMs });
    }
    const done = running.filter(({ endsAtMs }) => endsAtMs <= atMs);
    running = running.filter(({ endsAtMs }) => endsAtMs > atMs);
    for (const { lease, reading, pool, arrivedAtMs } of done) {
      lease.learnQuota(reading, clock.nowMs());
      lease.learnOwner({ organization: ownerOf.get(lease.account.id) ?? '' });
      if (reading === undefined) {
        lease.report({ ...failureOf('rate_limited', 'Rate limit reached.'), retryAfterMs: 500 }, clock.nowMs());
        waiting.unshift({ pool, arrivedAtMs });
      } else {
        lease.report(null, clock.nowMs());
        outcome.served += 1;
      }
      lease[Symbol.dispose]();
    }
    const left: typeof waiting = [];
    for (const request of waiting) {
      const { pool, arrivedAtMs } = request;
      if (atMs - arrivedAtMs > longestWaitMs) continue;
      const lease = pool.acquire({ providerId: 'openai', model: 'gpt-4', tokens, tried: [] }, clock.nowMs(), random());
      if (!(lease instanceof Lease)) {
        left.push(request);
        continue;
      }
      outcome.calls += 1;
      const bucket = buckets.get(ownerOf.get(lease.account.id) ?? '');
      assert.ok(bucket);
      const [requests, words] = [bucket.requests.left(atMs), bucket.tokens.left(atMs)];
      const isRefused = requests < 1 || words < tokens;
      if (isRefused) outcome.refused += 1;
      else {
        bucket.requests.take(1);
        bucket.tokens.take(tokens);
      }
      const reading = isRefused
        ? undefined
        : {
            limitRequests: bucket.requests.limit,
            remainingRequests: Math.floor(bucket.requests.left(atMs)),
            resetRequestsMs: null,
            limitTokens: bucket.tokens.limit,
            remainingTokens: Math.floor(bucket.tokens.left(atMs)),
            resetTokensMs: null,
          };
      running.push({ lease, pool, arrivedAtMs, endsAtMs: atMs + latencyMs, reading });
    }
    waiting = left;
  }
  return outcome;
}

interface Case {
  readonly name: string;
  readonly gateways: number;
  readonly way: Way;
  /** How long the upstream takes to answer, and so to say what is left. */
  readonly latencyMs: number;
}

const kept: readonly Case[] = [
  { name: 'one gateway', gateways: 1, way: 'none', latencyMs: 200 },
  { name: 'three gateways', gateways: 3, way: 'open', latencyMs: 200 },
  { name: 'three gateways, long answers', gateways: 3, way: 'open', latencyMs: 20_000 },
  { name: 'three gateways, Redis away', gateways: 3, way: 'cut', latencyMs: 200 },
];

for (const one of kept) {
  test(`${one.name}: under 0.1 % refused by the upstream, and 98 % served`, async (context) => {
    const { demand, served, calls, refused } = await play(one);
    context.diagnostic(`${demand} asked, ${served} served, ${refused} of ${calls} refused upstream`);
    assert.ok(refused < calls / 1000, `${refused} of ${calls} refused`);
    assert.ok(served >= 0.98 * demand, `${served} of ${demand}`);
  });
}

test('the upstream is a real one: three gateways that do not hear of each other are refused often', async (context) => {
  const { calls, refused } = await play({ name: '', gateways: 3, way: 'none', latencyMs: 20_000 });
  context.diagnostic(`${refused} of ${calls} refused upstream`);
  assert.ok(refused > calls / 100, `${refused} of ${calls} refused`);
});
