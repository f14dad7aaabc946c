// Client keys on the whole gateway: from the first one on nobody is served without, and changes by SQL hold within two seconds.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientKeyText, digestOf } from '../../src/core/client-key-text.ts';
import { runOutside } from '../support/outside-sql.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

/** Longer than any change by SQL may take. */
const inForceMs = 2000;

const runSql = (rig: Rig, sql: string): Promise<void> => runOutside(join(rig.folder, 'aigateway.db'), sql);

function insertOf(id: string, text: string, columns: Record<string, string> = {}): string {
  const all = { id, name: id, key_hash: digestOf(text).toString('hex'), ...columns };
  const values = Object.values(all).map((value) => `'${value}'`);
  return `INSERT INTO client_keys (${Object.keys(all).join(', ')}) VALUES (${values.join(', ')})`;
}

/** Asks until the status comes; how long that took. */
async function untilStatus(status: number, ask: () => Promise<Response>): Promise<number> {
  const startedAtMs = performance.now();
  for (;;) {
    const answer = await ask();
    await answer.body?.cancel();
    const tookMs = performance.now() - startedAtMs;
    if (answer.status === status) return tookMs;
    assert.ok(tookMs < inForceMs, `still ${answer.status} after ${tookMs} ms`);
    await sleep(20);
  }
}

test('a key made, changed, revoked and removed by SQL', async () => {
  await using rig = await startRig();
  const text = clientKeyText(randomBytes(32));
  const ask = (key?: string): Promise<Response> =>
    rig.post('/v1/chat/completions', chat('gpt-4'), key === undefined ? {} : { authorization: `Bearer ${key}` });
  assert.equal((await ask()).status, 200, 'nobody needs a key while there is none');
  assert.equal((await ask('sk-anything')).status, 200);

  await runSql(rig, insertOf('key_1', text));
  await untilStatus(401, () => ask());
  assert.equal((await ask(text)).status, 200);
  assert.equal((await ask('sk-anything')).status, 401);
  const forwarded = JSON.stringify(await (await fetch(`${rig.mock.url}/__journal`)).json());
  assert.ok(!forwarded.includes('agw_'), 'a client key never goes upstream');

  await runSql(rig, `UPDATE client_keys SET models = '["gpt-3.5*"]'`);
  await untilStatus(403, () => ask(text));
  await runSql(rig, `UPDATE client_keys SET models = '[]', expires_at = '2026-01-01T00:00:00Z'`);
  await untilStatus(401, () => ask(text));
  await runSql(rig, 'UPDATE client_keys SET expires_at = NULL');
  await untilStatus(200, () => ask(text));
  await runSql(rig, 'UPDATE client_keys SET is_active = false');
  await untilStatus(401, () => ask(text));
  assert.equal((await ask()).status, 401, 'a revoked key does not open the door for everybody');
  await runSql(rig, 'DELETE FROM client_keys');
  await untilStatus(200, () => ask());
});

test('a key sees the models that it may use, and no others', async () => {
  await using rig = await startRig();
  const text = clientKeyText(randomBytes(32));
  await runSql(rig, insertOf('key_1', text, { models: '["gpt-4*"]' }));
  const get = (path: string, key = text): Promise<Response> =>
    fetch(rig.url + path, { headers: { authorization: `Bearer ${key}` } });
  await untilStatus(401, () => get('/v1/models', 'nobody'));
  const { data } = (await (await get('/v1/models')).json()) as { data: { id: string }[] };
  assert.ok(data.length > 0);
  for (const { id } of data) assert.match(id, /^gpt-4/u);
  assert.equal((await get('/v1/models/gpt-4')).status, 200);
  const refused = await get('/v1/models/gpt-3.5-turbo');
  assert.deepEqual(
    [refused.status, await refused.json()],
    [
      403,
      {
        error: {
          message:
            'The client key "key_1" may not use the model "gpt-3.5-turbo"; use another one, or have the key changed.',
          type: 'invalid_request_error',
          param: 'model',
          code: 'model_not_allowed',
        },
      },
    ],
  );
});
