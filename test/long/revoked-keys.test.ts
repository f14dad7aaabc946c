// A thousand client keys revoked while requests with them are under way: not one is accepted afterwards, none comes back.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { eventually } from '../support/await.ts';
import { makeKey, statusWith } from '../support/client-keys.ts';
import { runOutside } from '../support/outside-sql.ts';
import { sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { startRig } from '../support/rig.ts';

test('by the API: refused from the answer on, 1,000 times', async () => {
  await using rig = await startRig();
  for (let round = 0; round < 1000; round += 1) {
    const { id, key } = await makeKey(rig);
    const running = Array.from({ length: 3 }, () => statusWith(rig, key));
    await rig.manage('POST', `/keys/${id}/revoke`);
    assert.equal(await statusWith(rig, key), 401, `round ${round}`);
    for (const status of await Promise.all(running)) assert.ok(status === 200 || status === 401, String(status));
  }
});

test('by SQL: 1,000 keys, 50 at a time, each refused within two seconds and for ever', async () => {
  await using rig = await startRig();
  const keys = await Promise.all(Array.from({ length: 1000 }, () => makeKey(rig)));
  for (let from = 0; from < keys.length; from += 50) {
    const revoked = keys.slice(from, from + 50);
    const ids = revoked.map(({ id }) => `'${id}'`).join(', ');
    const now = new Date().toISOString();
    await runOutside(rig.database, `UPDATE client_keys SET revoked_at = '${now}' WHERE id IN (${ids})`);
    const untilMs = performance.now() + 2000;
    while (performance.now() < untilMs) await Promise.all(revoked.map(({ key }) => statusWith(rig, key)));
    for (const { key } of revoked) assert.equal(await statusWith(rig, key), 401);
  }
  for (const { key } of keys) assert.equal(await statusWith(rig, key), 401);
});

test(
  'on three gateways: 1,000 keys, 100 at a time, each by another gateway: nowhere accepted two seconds later, nor ever after',
  {
    skip: withoutPostgres,
  },
  async () => {
    const settings = {
      DATABASE_URL: await (await sharedPostgres()).createDatabase(),
      ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
    };
    await using first = await startRig({ settings });
    await using second = await startRig({ settings, keys: [] });
    await using third = await startRig({ settings, keys: [] });
    const rigs = [first, second, third] as const;
    await first.manage('PATCH', '/providers/openai', { base_url: first.mock.url });
    const revoked: string[] = [];
    const nowhere = async (keys: readonly string[]): Promise<void> => {
      for (const rig of rigs) {
        const statuses = new Set(await Promise.all(keys.map((key) => statusWith(rig, key))));
        assert.deepEqual([...statuses], [401]);
      }
    };
    for (let batch = 0; batch < 10; batch += 1) {
      const keys = await Promise.all(Array.from({ length: 100 }, (_, n) => makeKey(rigs[n % 3] ?? first)));
      for (const rig of rigs)
        await eventually(
          'all are known',
          async () =>
            (await Promise.all(keys.map(({ key }) => statusWith(rig, key)))).every((status) => status === 200),
          20_000,
        );
      const running = keys.flatMap(({ key }) => rigs.map((rig) => statusWith(rig, key)));
      await Promise.all(keys.map(({ id }, n) => (rigs[(n + 1) % 3] ?? first).manage('POST', `/keys/${id}/revoke`)));
      await sleep(2000);
      for (const status of await Promise.all(running)) assert.ok(status === 200 || status === 401, String(status));
      revoked.push(...keys.map(({ key }) => key));
      await nowhere(keys.map(({ key }) => key));
    }
    assert.equal(revoked.length, 1000);
    await nowhere(revoked);
  },
);
