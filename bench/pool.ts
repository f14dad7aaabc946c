// What the pool costs a request that nothing goes wrong with: choosing an account, taking over what its answer says, giving it back.
import process from 'node:process';
import { WaitingRooms } from '../src/pool/waiting-room.ts';
import { Pool } from '../src/pool/pool.ts';
import { RetryBudgets } from '../src/pool/retry-budget.ts';
import { openai } from '../src/providers/openai/vendor.ts';
import { Secret } from '../src/core/secret.ts';
import { systemClock } from '../src/lib/clock.ts';
import { spreadOf } from './lib/statistics.ts';

const warmUp = 20_000;
const measured = 100_000;
const trials = 7;
/** Requests that are under way while the next ones come. */
const inFlight = 64;

/** What an answer of OpenAI says of the account's limits. */
const answer: Readonly<Record<string, string>> = {
  'openai-organization': 'org-bench',
  'x-ratelimit-limit-requests': '10000000',
  'x-ratelimit-limit-tokens': '2000000000',
  'x-ratelimit-remaining-requests': '9999990',
  'x-ratelimit-remaining-tokens': '1999990000',
  'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-reset-tokens': '1m6.3s',
};
const header = (name: string): string | undefined => answer[name];

function poolOf(accounts: number): { readonly pool: Pool; readonly rooms: WaitingRooms } {
  const pool = new Pool();
  pool.apply({
    accounts: Array.from({ length: accounts }, (_, n) => ({
      id: `acc_${n}`,
      providerId: 'openai',
      label: `account ${n}`,
      credential: new Secret(`sk-bench-${n}`),
      authHeaders: () => [],
      credentialVersion: '1',
      isActive: true,
      weight: 1 + (n % 3),
      priority: 0,
      quotaGroup: `group-${n}`,
      allowedModels: [],
      limits: {},
      organization: null,
      project: null,
    })),
  });
  return { pool, rooms: new WaitingRooms(pool, systemClock, Math.random) };
}

/** CPU of `requests` requests, µs each, `inFlight` of them at a time. */
function cpuMicros({ pool, rooms }: ReturnType<typeof poolOf>, requests: number): number {
  const retries = new RetryBudgets();
  const wish = { providerId: 'openai', model: 'gpt-4o', tokens: 500, tried: [] };
  const before = process.cpuUsage();
  for (let done = 0; done < requests; done += inFlight) {
    const leases = Array.from({ length: inFlight }, () => {
      const nowMs = systemClock.nowMs();
      retries.request(wish.providerId, nowMs);
      const random = Math.random();
      const choice = rooms.isBusy(wish) ? undefined : pool.choose(wish, nowMs, random);
      if (choice === undefined) throw new Error('an account must be free: they are all that is measured');
      return pool.take(choice, wish, nowMs, random);
    });
    for (const lease of leases) {
      lease.learnQuota(openai.readQuota(header), systemClock.nowMs());
      lease.learnOwner(openai.readGroup({ header }));
      lease.report(null, systemClock.nowMs());
      lease[Symbol.dispose]();
    }
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

for (const accounts of [1, 5, 50, 1000]) {
  const subject = poolOf(accounts);
  cpuMicros(subject, warmUp);
  const { median, min, max } = spreadOf(Array.from({ length: trials }, () => cpuMicros(subject, measured)));
  process.stdout.write(
    `${accounts} account${accounts === 1 ? '' : 's'}: ${median.toFixed(2)} µs CPU a request (${min.toFixed(2)} to ${max.toFixed(2)})\n`,
  );
}
