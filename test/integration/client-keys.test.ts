// Client keys on the whole gateway: from the first one on nobody is served without, and changes hold when they must.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientKeyText, digestOf } from '../../src/core/client-key-text.ts';
import { readSettings } from '../../src/core/settings.ts';
import { startGateway, type RunningGateway } from '../../src/main.ts';
import { eventually } from '../support/await.ts';
import { bearer, makeKey, statusWith, untilStatus } from '../support/client-keys.ts';
import { runOutside } from '../support/outside-sql.ts';
import { startProgramRig } from '../support/program-rig.ts';
import { chat, clientOf, startRig, type Rig } from '../support/rig.ts';
import { freshDatabase, openTestStorage } from '../support/test-database.ts';

const sql = async (rig: Rig, statements: string): Promise<void> => void (await runOutside(rig.database, statements));

function insertOf(id: string, text: string): string {
  const hash = digestOf(text);
  return `INSERT INTO client_keys (id, name, key_hash) VALUES ('${id}', '${id}', '${hash}');`;
}

test('a key made, changed, revoked and removed by SQL', async () => {
  await using rig = await startRig();
  const text = clientKeyText(randomBytes(32));
  assert.equal(await statusWith(rig), 200, 'nobody needs a key while there is none');
  assert.equal(await statusWith(rig, 'sk-anything'), 200);

  await sql(rig, insertOf('key_1', text));
  await untilStatus(401, () => statusWith(rig));
  assert.equal(await statusWith(rig, text), 200);
  assert.equal(await statusWith(rig, 'sk-anything'), 401);
  assert.ok(!JSON.stringify(rig.mock.journal()).includes('agw_'), 'a client key never goes upstream');

  const changes: [change: string, status: number][] = [
    [`models = '["gpt-3.5*"]'`, 403],
    [`models = '[]', expires_at = '2026-01-01T00:00:00Z'`, 401],
    ['expires_at = NULL', 200],
    ['is_active = false', 401],
    ['is_active = true', 200],
    [`revoked_at = '2026-01-01T00:00:00Z'`, 401],
  ];
  for (const [change, status] of changes) {
    await sql(rig, `UPDATE client_keys SET ${change}`);
    await untilStatus(status, () => statusWith(rig, text));
  }
  assert.equal(await statusWith(rig), 401, 'a revoked key does not open the door for everybody');
  await sql(rig, 'DELETE FROM client_keys');
  await untilStatus(200, () => statusWith(rig));
});

test('a key sees the models that it may use, and no others', async () => {
  await using rig = await startRig();
  const { key } = await makeKey(rig, { name: 'Team A', models: ['gpt-4*'] });
  const get = (path: string): Promise<Response> => fetch(rig.url + path, { headers: bearer(key) });
  const { data } = (await (await get('/v1/models')).json()) as { data: { id: string }[] };
  assert.ok(data.length > 0);
  for (const { id } of data) assert.match(id, /^gpt-4/u);
  assert.equal((await get('/v1/models/gpt-4')).status, 200);
  const message =
    'The client key "Team A" may not use the model "gpt-3.5-turbo"; use another one, or have the key changed.';
  const error = { message, type: 'invalid_request_error', param: 'model', code: 'model_not_allowed' };
  for (const refused of [
    await get('/v1/models/gpt-3.5-turbo'),
    await rig.post('/v1/chat/completions', chat('gpt-3.5-turbo'), bearer(key)),
  ])
    assert.deepEqual([refused.status, await refused.json()], [403, { error }]);
  assert.equal(rig.mock.journal().entries.length, 0, 'nothing went upstream');
});

test('a key revoked through the API is refused from the answer on, while its running stream goes to its end', async () => {
  await using rig = await startRig({ script: { chunk_delay_ms: 20 } });
  for (let round = 0; round < 30; round += 1) {
    const { id, key } = await makeKey(rig);
    const stream =
      round % 10 === 0
        ? rig.post('/v1/chat/completions', chat('gpt-mock-stream-20', { stream: true }), bearer(key))
        : undefined;
    const running = await stream;
    const others = Array.from({ length: 3 }, () => statusWith(rig, key));
    const [method, path, body] = [
      ['POST', `/keys/${id}/revoke`, undefined],
      ['PATCH', `/keys/${id}`, { is_active: false }],
      ['DELETE', `/keys/${id}`, undefined],
    ][round % 3] as [string, string, unknown];
    // One key stays, so that deleting does not open the door.
    if (round === 0) await makeKey(rig, { name: 'Stays' });
    await rig.manage(method, path, body);
    assert.equal(await statusWith(rig, key), 401, `round ${round}`);
    for (const status of await Promise.all(others)) assert.ok(status === 200 || status === 401, String(status));
    if (running !== undefined) {
      assert.equal(running.status, 200);
      assert.match(await running.text(), /data: \[DONE\]\n\n$/u);
    }
  }
});

test('a key revoked by SQL under load is accepted nowhere two seconds later', async () => {
  await using rig = await startRig();
  const { id, key } = await makeKey(rig);
  let lastAcceptedAtMs = 0;
  const over = new AbortController();
  const callers = Array.from({ length: 10 }, async () => {
    while (!over.signal.aborted) {
      const startedAtMs = performance.now();
      if ((await statusWith(rig, key)) === 200) lastAcceptedAtMs = Math.max(lastAcceptedAtMs, startedAtMs);
    }
  });
  await sleep(200);
  assert.ok(lastAcceptedAtMs > 0);
  await sql(rig, `UPDATE client_keys SET revoked_at = '2026-01-01T00:00:00Z' WHERE id = '${id}'`);
  const revokedAtMs = performance.now();
  await sleep(2500);
  over.abort();
  await Promise.all(callers);
  const tookMs = lastAcceptedAtMs - revokedAtMs;
  assert.ok(tookMs < 2000, `still accepted after ${tookMs} ms`);
});

test('10,000 keys written by SQL at once: each is served, and a change of one holds', async () => {
  await using rig = await startRig();
  const textOf = (n: number): string => clientKeyText(Buffer.alloc(32, `key ${n}`));
  const count = 10_000;
  const rows = Array.from({ length: count }, (_, n) => insertOf(`key_${n}`, textOf(n)));
  await sql(rig, `BEGIN; ${rows.join('\n')} COMMIT`);
  await untilStatus(200, async () => ((await statusWith(rig)) === 401 ? statusWith(rig, textOf(count - 1)) : 0));
  for (const n of [0, 1, 4999, 9998]) assert.equal(await statusWith(rig, textOf(n)), 200, `key ${n}`);
  await sql(rig, "UPDATE client_keys SET is_active = false WHERE id = 'key_4999'");
  await untilStatus(401, () => statusWith(rig, textOf(4999)));
  assert.equal(await statusWith(rig, textOf(4998)), 200);
});

test('while the keys cannot be read, known ones work on, unknown ones are told to wait; then all is as before', async () => {
  await using rig = await startRig();
  const { key } = await makeKey(rig);
  const unknown = clientKeyText(randomBytes(32));
  const degraded = async (): Promise<unknown> => {
    const { degraded: stores } = (await (await fetch(`${rig.url}/ready`)).json()) as { degraded?: string[] };
    return stores?.join();
  };
  assert.equal(await statusWith(rig, unknown), 401);
  await sql(rig, 'ALTER TABLE client_key_changes RENAME TO away');
  await eventually('it is told that the database is away', async () => (await degraded()) === 'database', 5000);
  assert.deepEqual([await statusWith(rig, unknown), await statusWith(rig, key)], [503, 200]);
  assert.equal(await statusWith(rig, `${key.slice(0, -1)}~`), 401);
  const answer = await rig.post('/v1/chat/completions', chat('gpt-4'), bearer(unknown));
  const { error } = (await answer.json()) as { error: { code: string } };
  assert.deepEqual([error.code, answer.headers.get('retry-after')], ['storage_unavailable', '1']);
  await sql(rig, `ALTER TABLE away RENAME TO client_key_changes; ${insertOf('key_2', unknown)}`);
  await untilStatus(200, () => statusWith(rig, unknown));
  await eventually('all is well again', async () => (await degraded()) === undefined, 5000);
});

test('one that floods does not hold up the other: they take turns at a busy account', async () => {
  await using rig = await startRig({ script: { delay_ms: 30 } });
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { limits: { max_concurrency: 1 } });
  const [loud, quiet] = await Promise.all([makeKey(rig), makeKey(rig)]);
  const order: string[] = [];
  const ask = async (who: string, { key }: { key: string }): Promise<void> => {
    assert.equal(await statusWith(rig, key), 200);
    order.push(who);
  };
  const flood = Array.from({ length: 20 }, () => ask('loud', loud));
  await eventually('the flood has begun', async () => rig.mock.journal().entries.length > 0, 2000);
  const few = Array.from({ length: 3 }, () => ask('quiet', quiet));
  await Promise.all([...flood, ...few]);
  assert.ok(order.lastIndexOf('quiet') < 12, order.join(' '));
});

test('the log names the key by its id, and the key itself nowhere', async () => {
  await using rig = await startProgramRig();
  const { id, key } = await makeKey(rig);
  assert.equal(await statusWith(rig, key), 200);
  assert.equal(await statusWith(rig, 'agw_wrong'), 401);
  const ids = (): (string | null)[] => rig.requestLines().map((line) => line.key_id);
  await eventually('both lines are there', () => ids().length === 2, 3000);
  assert.deepEqual(ids(), [id, null]);
  assert.ok(!rig.program.output().includes(key.slice(0, 12)));
});

test('when a key was last used is noted, at the latest when the gateway ends', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const database = await freshDatabase(folder);
  const usual = { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent', DRAIN_TIMEOUT_MS: '0' };
  const settings = { ...usual, DATABASE_URL: database.url };
  let gateway: RunningGateway | undefined = await startGateway(readSettings(settings, {}), () => {});
  t.after(() => gateway?.stop());
  const { url } = gateway;
  const used = await makeKey(clientOf(url));
  const unused = await makeKey(clientOf(url));
  const startedAtMs = Date.now();
  assert.equal((await fetch(`${url}/v1/models`, { headers: bearer(used.key) })).status, 200);
  const told = await clientOf(url).manage<{ last_used_at: string | null }>('GET', `/keys/${used.id}`);
  assert.ok(told.last_used_at !== null, 'it is told at once');
  await gateway.stop();
  gateway = undefined;
  const storage = await openTestStorage(database);
  t.after(() => storage.close());
  const noted = await storage.clientKeys.get(used.id);
  assert.equal((await storage.clientKeys.get(unused.id))?.last_used_at, null);
  const atMs = Date.parse(noted?.last_used_at ?? '');
  assert.ok(atMs >= startedAtMs - 1000 && atMs <= Date.now() + 1000, String(noted?.last_used_at));
  assert.equal(noted?.updated_at, noted?.created_at, 'it is no change');
});
