// Three whole gateways on one PostgreSQL and one Redis: the limits of a client key hold over all of them, also while Redis comes and goes.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { limitedClient, type KeyLimits, type LimitedClient } from '../support/limited-client.ts';
import { sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { openLine, startRedis, withoutRedis } from '../support/redis.ts';
import { startRig, type Rig, type RigOptions } from '../support/rig.ts';

const generous = 20_000;
const usd = 1_000_000_000;

interface Trio extends AsyncDisposable {
  readonly rigs: readonly Rig[];
  /** A new key, as a client of each gateway. */
  client(limits: KeyLimits): Promise<readonly LimitedClient[]>;
}

/** Three gateways before one upstream. */
async function startTrio(redisUrl: string, script?: RigOptions['script']): Promise<Trio> {
  const settings = {
    DATABASE_URL: await (await sharedPostgres()).createDatabase(),
    REDIS_URL: redisUrl,
    ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
  };
  const first = await startRig({ settings, ...(script !== undefined && { script }) });
  const rigs = [first, await startRig({ settings, keys: [] }), await startRig({ settings, keys: [] })];
  await first.manage('PATCH', '/providers/openai', { base_url: first.mock.url });
  return {
    rigs,
    async client(limits) {
      const made = await limitedClient(first, limits);
      const clients = rigs.map((rig) => ({
        ...made,
        ...clientOfKey(rig, made.key),
      }));
      // A gateway hears of a new key, and of the provider's address, within two seconds.
      for (const rig of rigs)
        await eventually(
          'the key is known',
          async () => {
            const answer = await fetch(`${rig.url}/v1/models`, { headers: { authorization: `Bearer ${made.key}` } });
            await answer.arrayBuffer();
            const { base_url: url } = await rig.manage<{ base_url: string }>('GET', '/providers/openai');
            return answer.status === 200 && url === first.mock.url;
          },
          generous,
        );
      return clients;
    },
    async [Symbol.asyncDispose]() {
      for (const rig of rigs) await rig.stop();
    },
  };
}

/** How a client with this key asks this gateway. */
function clientOfKey(rig: Rig, key: string): Pick<LimitedClient, 'chat'> {
  return {
    chat: (body = {}, signal) =>
      rig.post(
        '/v1/chat/completions',
        { model: 'gpt-4', messages: [{ role: 'user', content: 'one two three' }], ...body },
        { authorization: `Bearer ${key}` },
        signal,
      ),
  };
}

/** Asks this many times at once, of one after the other; how often each status or error code was the answer. */
async function askAll(
  clients: readonly LimitedClient[],
  times: number,
  body: Record<string, unknown> = {},
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: times }, async (_, n) => {
      const response = await (clients[n % clients.length] as LimitedClient).chat(body);
      const text = await response.text();
      const outcome = /"code":"(\w+)"/u.exec(text)?.[1] ?? String(response.status);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }),
  );
  return counts;
}

suite('limits of client keys over three gateways', { skip: withoutPostgres || withoutRedis }, () => {
  test('three hundred at once: as many as the minute allows, and no dollar more than the budget', async () => {
    await using redis = await startRedis();
    const answer = { chunks: 16, chunk_text: 'word '.repeat(100), tokens: 1600, chunk_delay_ms: 2, delay_ms: 10 };
    await using trio = await startTrio(redis.url, { models: { 'gpt-4': answer } });
    const counted = await askAll(await trio.client({ rpm: 120 }), 300);
    assert.ok((counted['200'] ?? 0) <= 120 && (counted['200'] ?? 0) >= 114, JSON.stringify(counted));
    assert.equal((counted['200'] ?? 0) + (counted['rate_limit_exceeded'] ?? 0), 300, JSON.stringify(counted));

    const { mock } = trio.rigs[0] as Rig;
    const before = mock.journal().entries.length;
    // gpt-4 costs $30 and $60 for a million tokens: 1,600 tokens of output and a short prompt are just under $0.10.
    const paid = await askAll(await trio.client({ budget: { amount: '1.00' } }), 60, { max_tokens: 1600 });
    const charged = mock
      .journal()
      .entries.slice(before)
      .reduce((sum, one) => sum + one.prompt_tokens * 30_000 + one.completion_tokens_sent * 60_000, 0);
    assert.ok(charged <= usd, `${charged / usd} dollars`);
    assert.ok(charged >= 0.95 * usd, `${charged / usd} dollars, ${JSON.stringify(paid)}`);
  });

  test('Redis frozen, cut off, and killed: known keys are served, each gateway says so, and all is well again by itself', async (context) => {
    await using redis = await startRedis();
    await using line = await openLine(redis.port);
    await using trio = await startTrio(redis.url.replace(`:${redis.port}`, `:${line.port}`));
    const { rigs } = trio;
    const plain = await trio.client({ rpm: 100_000, max_concurrency: 900 });
    const budgeted = await trio.client({ budget: { amount: '100.00' } });
    const readyOf = async (rig: Rig): Promise<string> => (await fetch(`${rig.url}/ready`)).text();
    const metricOf = async (rig: Rig): Promise<string | undefined> =>
      /^aigateway_redis_away (\d)/mu.exec(await (await fetch(`${rig.url}/metrics`)).text())?.[1];
    assert.deepEqual(await askAll(plain, 30), { 200: 30 });
    await eventually('budgets are known', async () => (await askAll(budgeted, 9))['200'] === 9, generous);
    const outages: readonly (readonly [name: string, begin: () => unknown, end: () => unknown])[] = [
      ['frozen', () => redis.signal('SIGSTOP'), () => redis.signal('SIGCONT')],
      ['cut off', () => line.swallow(), () => line.heal()],
      ['killed', () => redis.kill(), () => redis.restart()],
    ];
    for (const [name, begin, end] of outages) {
      await begin();
      let slowestMs = 0;
      const askOnce = async (): Promise<void> => {
        const startMs = performance.now();
        assert.deepEqual(await askAll(plain, 30), { 200: 30 }, name);
        const { 200: served = 0, storage_unavailable: unknown = 0, ...others } = await askAll(budgeted, 3);
        assert.deepEqual([served + unknown, others], [3, {}], name);
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
      };
      for (const rig of rigs)
        await eventually(
          `${name} is said`,
          async () => {
            await askOnce();
            return (await readyOf(rig)) === '{"status":"ready","degraded":["redis"]}';
          },
          generous,
        );
      await askOnce();
      for (const rig of rigs) assert.equal(await metricOf(rig), '1', name);
      await end();
      for (const rig of rigs)
        await eventually(`${name} is over`, async () => (await readyOf(rig)) === '{"status":"ready"}', generous);
      for (const rig of rigs) assert.equal(await metricOf(rig), '0', name);
      assert.deepEqual(await askAll(plain, 30), { 200: 30 }, name);
      await eventually('budgets are known', async () => (await askAll(budgeted, 3))['200'] === 3, generous);
      context.diagnostic(`${name}: the slowest round of 30 and 3 requests took ${Math.round(slowestMs)} ms`);
    }
  });
});
