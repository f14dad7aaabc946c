// A thousand client keys revoked while requests with them are under way: not one is accepted afterwards, none comes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeKey, statusWith } from '../support/client-keys.ts';
import { runOutside } from '../support/outside-sql.ts';
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
