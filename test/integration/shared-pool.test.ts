// Gateways on one PostgreSQL and one Redis: what one of them learns of an account the others know before they ask it.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { keepAsking } from '../support/asking.ts';
import { eventually } from '../support/await.ts';
import { sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { startRedis, withoutRedis } from '../support/redis.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const keys = ['sk-shared-pool-000000000001', 'sk-shared-pool-000000000002'];
const generous = 20_000;

interface Shown {
  readonly health: { readonly status: string; readonly reason: string | null };
}

/** How an account is, as each gateway says it. */
async function healthOf(rigs: readonly Rig[], id: string | undefined): Promise<string[]> {
  const shown = await Promise.all(rigs.map((rig) => rig.manage<Shown>('GET', `/accounts/${id}`)));
  return shown.map(({ health }) => health.status);
}

/** How often the upstream was asked for `model` with the key that ends so. */
function asked({ mock }: Rig, end: string, model = 'gpt-4'): number {
  return mock.journal().entries.filter((entry) => entry.key === `sk-…${end}` && entry.model === model).length;
}

suite('gateways that share Redis', { skip: withoutPostgres || withoutRedis }, () => {
  test('an account that one has benched is asked by none any more, nor by one that starts later; lifted on one, it serves on all', async (context) => {
    await using redis = await startRedis();
    const settings = {
      DATABASE_URL: await (await sharedPostgres()).createDatabase(),
      REDIS_URL: redis.url,
      ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
      // So that one failure benches one account.
      MAX_ATTEMPTS: '1',
    };
    await using first = await startRig({ settings, keys });
    await using second = await startRig({ settings, keys: [] });
    await using third = await startRig({ settings, keys: [] });
    // The rows are shared, and lead to the upstream of whoever wrote them last.
    const upstream = third;
    await upstream.manage('PATCH', '/providers/openai', { base_url: upstream.mock.url });
    const rigs = [first, second, third];
    const [preferred] = first.accounts;
    const ask = async (rig: Rig, model = 'gpt-4'): Promise<number> => {
      const answer = await rig.post('/v1/chat/completions', chat(model));
      await answer.arrayBuffer();
      return answer.status;
    };
    for (const rig of rigs) await eventually('it serves', async () => (await ask(rig)) === 200, generous);
    for (const rig of rigs)
      await eventually(
        'the preferred account serves there',
        async () => {
          const before = asked(upstream, '0001');
          await ask(rig);
          return asked(upstream, '0001') > before;
        },
        generous,
      );

    const asking = [second, third].map((rig) =>
      keepAsking((stream) => rig.post('/v1/chat/completions', chat('gpt-4', { stream })), 4),
    );
    const askedAtMs = performance.now();
    assert.equal(await ask(first, 'gpt-fault-401'), 502);
    await eventually(
      'all know',
      async () => (await healthOf(rigs, preferred)).every((status) => status === 'benched'),
      generous,
    );
    context.diagnostic(`known by all after ${Math.round(performance.now() - askedAtMs)} ms`);
    // What was under way when they heard of it is on its way still.
    await eventually('nothing of it is under way', () =>
      upstream.mock.journal().entries.every(({ key, open }) => key !== 'sk-…0001' || !open),
    );
    const before = asked(upstream, '0001');
    const begun = asking.map((one) => one.begun());
    await eventually('they go on', () => asking.every((one, n) => one.begun() > (begun[n] ?? 0) + 20), generous);
    await using late = await startRig({ settings, keys: [] });
    await late.manage('PATCH', '/providers/openai', { base_url: upstream.mock.url });
    await eventually('the late one serves', async () => (await ask(late)) === 200, generous);
    for (const one of asking) assert.deepEqual((await one.stop()).failures, []);
    assert.equal(asked(upstream, '0001'), before, 'nobody has asked it again');

    await second.manage('POST', `/accounts/${preferred}/unbench`);
    await eventually(
      'all know that it is lifted',
      async () => (await healthOf([...rigs, late], preferred)).every((status) => status === 'ok'),
      generous,
    );
    for (const rig of [...rigs, late]) assert.equal(await ask(rig), 200);
    assert.equal(asked(upstream, '0001'), before + 4);
  });

  test('a bench that was lifted is lifted at a gateway that starts later, although one has ended before that remembered it', async () => {
    await using redis = await startRedis();
    const settings = {
      DATABASE_URL: await (await sharedPostgres()).createDatabase(),
      REDIS_URL: redis.url,
      ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
    };
    await using first = await startRig({ settings, keys: keys.slice(0, 1) });
    const [id] = first.accounts;
    const second = await startRig({ settings, keys: [] });
    try {
      await first.manage('PATCH', '/providers/openai', { base_url: first.mock.url });
      await (await first.post('/v1/chat/completions', chat('gpt-fault-401'))).arrayBuffer();
      await eventually('both know', async () => (await healthOf([first, second], id)).every((it) => it === 'benched'));
    } finally {
      await second.stop();
    }
    await first.manage('POST', `/accounts/${id}/unbench`);
    await using late = await startRig({ settings, keys: [] });
    assert.deepEqual(await healthOf([first, late], id), ['ok', 'ok']);
  });

  test('what is left of a quota is known to a gateway that has sent nothing yet', async () => {
    await using redis = await startRedis();
    const settings = {
      DATABASE_URL: await (await sharedPostgres()).createDatabase(),
      REDIS_URL: redis.url,
      ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
    };
    await using first = await startRig({ settings, script: { rpm: 1000, tpm: 1_000_000 } });
    await using second = await startRig({ settings, keys: [] });
    await first.manage('PATCH', '/providers/openai', { base_url: first.mock.url });
    for (let n = 0; n < 10; n += 1) await (await first.post('/v1/chat/completions', chat('gpt-4'))).arrayBuffer();
    interface Quota {
      readonly quota: readonly { readonly limit_requests: number; readonly remaining_requests: number }[];
    }
    await eventually(
      'it is known',
      async () => {
        const { quota } = await second.manage<Quota>('GET', `/accounts/${first.accounts[0]}`);
        return quota[0]?.limit_requests === 1000 && quota[0].remaining_requests < 1000;
      },
      generous,
    );
  });
});
