// Tests that an account gets a new key, and is drained, under load: nobody is refused, and what runs finishes on the old key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepAsking, type Asking } from '../support/asking.ts';
import { eventually } from '../support/await.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';
import type { MockScript } from '../../src/mock/script.ts';

const parallel = 100;

/** The key of each generation: its last four characters name it in the journal. */
const keyOf = (generation: number): string => `sk-generation-${String(generation).padStart(4, '0')}`;

/**
 * Small answers that take a while, so that every rotation meets many of them, and a slow machine can still serve and
 * rotate beside them.
 */
const script: MockScript = { rpm: 10_000_000, tpm: 1_000_000_000, chunks: 5, chunk_delay_ms: 20, delay_ms: 250 };

type Ask = (isStream: boolean) => Promise<Response>;

/** Asks, and tells in the journal how many changes had been answered before. */
function askAfter(rig: Rig, changes: () => number): Ask {
  return (stream) =>
    rig.post('/v1/chat/completions', chat('gpt-4', { stream }), { 'x-client-request-id': `after-${changes()}` });
}

/** The chat requests in the journal: after how many changes each was asked, and the generation of its key. */
function askedOf(rig: Rig): { after: number; generation: number }[] {
  return rig.mock.journal().entries.flatMap(({ path, key, headers }) => {
    const [, after] = /^after-(\d+)$/u.exec(headers['x-client-request-id'] ?? '') ?? [];
    const [, generation] = /^sk-…(\d{4})$/u.exec(key ?? '') ?? [];
    return path === '/v1/chat/completions' ? [{ after: Number(after), generation: Number(generation) }] : [];
  });
}

/** Waits until so many have been asked that some of them began after now. */
async function waitForMore(asking: Asking): Promise<void> {
  const begun = asking.begun();
  await eventually('requests go on', () => asking.begun() > begun + parallel, 60_000);
}

/** Rotates again and again under load; asserts that nobody noticed, and which key each request went out with. */
async function rotateUnderLoad(
  rig: Rig,
  rotations: number,
  onRotated: (generation: number) => void = () => {},
): Promise<void> {
  const path = `/accounts/${rig.accounts[0]}`;
  let generation = 0;
  const asking = keepAsking(
    askAfter(rig, () => generation),
    parallel,
  );
  for (let next = 1; next <= rotations; next += 1) {
    await waitForMore(asking);
    await rig.manage('POST', `${path}/rotate`, { auth_data: { api_key: keyOf(next) } });
    generation = next;
    onRotated(next);
  }
  await waitForMore(asking);
  const { failures } = await asking.stop();
  assert.deepEqual(failures, []);
  const asked = askedOf(rig);
  assert.ok(asked.length > rotations * parallel, `${asked.length} requests`);
  assert.deepEqual(
    asked.filter((one) => one.generation < one.after),
    [],
    'asked after a rotation, and sent with an older key',
  );
  assert.equal(new Set(asked.map((one) => one.generation)).size, rotations + 1, 'every key has served');
  const { health } = await rig.manage<{ health: { status: string } }>('GET', path);
  assert.equal(health.status, 'ok');
}

test('20 rotations under 100 parallel requests and streams: none fails, new ones use the new key, running ones finish', async () => {
  await using rig = await startRig({ keys: [keyOf(0)], script });
  await rotateUnderLoad(rig, 20);
  assert.ok(rig.mock.journal().entries.every(({ finished, closed_by: by }) => finished && by === null));
});

test('the same where every old key is revoked the moment that its successor is in force', async () => {
  await using rig = await startRig({ keys: [keyOf(0)], script });
  const revoked: string[] = [];
  await rotateUnderLoad(rig, 8, (generation) => {
    revoked.push(keyOf(generation - 1));
    rig.mock.setScript({ ...script, bad_keys: revoked });
  });
});

test('a refused new key changes nothing, under load neither', async () => {
  await using rig = await startRig({ keys: [keyOf(0)], script: { ...script, bad_keys: [keyOf(1)] } });
  const path = `/accounts/${rig.accounts[0]}`;
  const before = await rig.manage('GET', path);
  const asking = keepAsking(
    askAfter(rig, () => 0),
    10,
  );
  const refused = await fetch(`${rig.url}/api/v1${path}/rotate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth_data: { api_key: keyOf(1) } }),
  });
  const { failures } = await asking.stop();
  const { error } = (await refused.json()) as { error: Record<string, string> };
  assert.deepEqual([refused.status, error['code'], error['param']], [400, 'invalid_request', 'auth_data.api_key']);
  assert.match(error['message'] ?? '', /^The upstream refused the new key, and nothing was changed\./u);
  assert.ok(!error['message']?.includes(keyOf(1)));
  assert.deepEqual(failures, []);
  const changing = { quota: [], quota_group: null, last_used_at: null, health: null };
  assert.deepEqual({ ...(await rig.manage<object>('GET', path)), ...changing }, { ...(before as object), ...changing });
  const asked = rig.mock.journal().entries.filter(({ key }) => key === 'sk-…0001');
  assert.deepEqual(
    asked.map(({ method, path: at }) => `${method} ${at}`),
    ['GET /v1/models'],
    'one probe, no paid call',
  );
});

test('drain: no new requests, running ones finish, the other account serves; undrain: as before', async () => {
  await using rig = await startRig({
    keys: [keyOf(0), keyOf(1)],
    script: { ...script, chunks: 40, chunk_delay_ms: 10 },
  });
  const path = `/accounts/${rig.accounts[0]}`;
  type Shown = { weight: number; health: { status: string } };
  await rig.manage('PATCH', path, { weight: 2.5 });
  let changes = 0;
  const asking = keepAsking(
    askAfter(rig, () => changes),
    parallel,
  );
  await waitForMore(asking);
  const drained = await rig.manage<Shown>('POST', `${path}/drain`);
  changes = 1;
  assert.deepEqual([drained.weight, drained.health.status], [0, 'draining']);
  await waitForMore(asking);
  await rig.manage('POST', `${path}/drain`);
  // From here on the first account may serve again, before the answer is here.
  changes = 2;
  const back = await rig.manage<Shown>('POST', `${path}/undrain`);
  assert.deepEqual([back.weight, back.health.status], [2.5, 'ok'], 'the weight that it had before the first drain');
  assert.equal((await rig.manage<Shown>('POST', `${path}/undrain`)).weight, 2.5);
  changes = 3;
  await waitForMore(asking);
  const { failures } = await asking.stop();
  assert.deepEqual(failures, []);
  const servedBy = (after: number): number[] => [
    ...new Set(askedOf(rig).flatMap((one) => (one.after === after ? [one.generation] : []))),
  ];
  assert.deepEqual(servedBy(1), [1], 'after the drain the second account serves alone');
  assert.ok(servedBy(0).includes(0) && servedBy(3).includes(0));
  assert.ok(rig.mock.journal().entries.every(({ finished, closed_by: by }) => finished && by === null));
});
