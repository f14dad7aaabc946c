// Scripts of the fake OpenAI: reading them, and faults by key, model, count, share and time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseScript } from '../../src/mock/script.ts';
import { chat, errorOf, KEY, post, start } from './support.ts';

test('errors name the field and never a whole key', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [
      { keys: { 'sk-secret-abcd': { rpm: 'x' } } },
      /^The script is not valid: `keys\.sk-…abcd\.rpm`: .*expected number/,
    ],
    [{ fault: 'nope' }, /`fault`: is not the name of a fault/],
    [{ fault: '503@5' }, /`fault`: is not the name of a fault/],
    [{ fault: [{ fault: '503', share: 2 }] }, /`fault\.0\.share`: Too big/],
    [
      { models: { 'gpt-4o': { fault: { fault: '503', shar: 1 } } } },
      /`models\.gpt-4o\.fault`: Unrecognized key: "shar"/,
    ],
    [{ retry_after: 'maybe' }, /`retry_after`/],
    [{ nonsense: 1 }, /Unrecognized key: "nonsense"/],
    [[], /the top level: .*expected object/],
  ];
  for (const [value, pattern] of cases) assert.throws(() => parseScript(JSON.stringify(value)), { message: pattern });
  assert.throws(() => parseScript('{'), { message: /^The script is not JSON: / });
});

test('a script is read as it is written', () => {
  const script = {
    rpm: 5,
    chunk_delay_ms: 10,
    usage: { prompt_tokens: 1 },
    fault: ['500', { fault: 'reset-mid-stream@9', first: 2, after: 1, share: 0.5, from_ms: 0, until_ms: 10 }],
    keys: { 'sk-a': { fault: '401', organization: 'o', project: 'p', models: ['gpt-4o'], label: 'a' } },
    models: { 'gpt-4o': { chunks: 3, fault: { fault: '503' } } },
    bad_keys: ['sk-b'],
    only_listed_keys: true,
    retry_after: 'none',
  };
  assert.deepEqual(parseScript(JSON.stringify(script)), script);
});

test('faults by key, by model, for everything, and by model name first', async (t) => {
  const script = { fault: '500', keys: { 'sk-a': { fault: '401' } }, models: { 'gpt-4o-mini': { fault: '503' } } };
  const mock = await start(t, { script });
  assert.equal((await post(mock, chat())).status, 500);
  assert.equal((await post(mock, chat({ model: 'gpt-4o-mini' }))).status, 503);
  assert.equal((await post(mock, chat({ model: 'gpt-4o-mini' }), { key: 'sk-a' })).status, 401);
  assert.equal((await post(mock, chat({ model: 'gpt-fault-409' }), { key: 'sk-a' })).status, 409);
  const models = await fetch(`${mock.url}/v1/models`, { headers: { authorization: 'Bearer sk-a' } });
  assert.equal(models.status, 401);
});

test('a key may name its fault, where the script has no row for it', async (t) => {
  const mock = await start(t, { script: { fault: '500', keys: { 'sk-fault-409': { fault: '422' } } } });
  assert.equal((await post(mock, chat(), { key: 'sk-fault-401' })).status, 401);
  assert.equal((await post(mock, chat(), { key: 'sk-proj-fault-503' })).status, 503);
  assert.equal((await post(mock, chat(), { key: 'sk-fault-409' })).status, 422);
  assert.equal((await post(mock, chat(), { key: 'sk-fault-none' })).status, 500);
  assert.equal((await post(mock, chat({ model: 'gpt-fault-404' }), { key: 'sk-fault-401' })).status, 404);
});

test('a model that the script names exists, whatever it is called', async (t) => {
  const mock = await start(t, { script: { models: { 'acme/large': {} } } });
  assert.equal((await post(mock, chat({ model: 'acme/large' }))).status, 200);
  assert.equal((await post(mock, chat({ model: 'acme/small' }))).status, 404);
});

test('after, first, share and a time window', async (t) => {
  let nowMs = 0;
  const mock = await start(t, { now: () => nowMs });
  const statuses = async (count: number): Promise<number[]> => {
    const list: number[] = [];
    for (let n = 0; n < count; n += 1) list.push((await post(mock, chat())).status);
    return list;
  };
  mock.setScript({ fault: { fault: '503', after: 1, first: 2 } });
  assert.deepEqual(await statuses(5), [200, 503, 503, 200, 200]);
  mock.setScript({
    fault: [
      { fault: '500', first: 1 },
      { fault: '503', first: 1 },
    ],
  });
  assert.deepEqual(await statuses(3), [500, 503, 200]);
  mock.setScript({ fault: { fault: '503', share: 0.3 } });
  const failed = (await statuses(200)).filter((status) => status === 503).length;
  assert.ok(failed > 40 && failed < 80, `${failed} of 200`);
  nowMs = 5000;
  mock.setScript({ fault: { fault: '503', from_ms: 1000, until_ms: 61_000 } });
  assert.deepEqual(await statuses(1), [200]);
  nowMs = 6000;
  assert.deepEqual(await statuses(1), [503]);
  nowMs = 66_000;
  assert.deepEqual(await statuses(1), [200]);
});

test('scripts over HTTP, and the way back', async (t) => {
  const mock = await start(t);
  const put = (body: string) => fetch(`${mock.url}/__script`, { method: 'PUT', body });
  assert.equal((await put('{"fault":"503"}')).status, 204);
  assert.equal((await post(mock, chat())).status, 503);
  const refused = await put('{"fault":"x"}');
  assert.equal(refused.status, 400);
  assert.match(String((await errorOf(refused))['message']), /`fault`/);
  assert.equal((await post(mock, chat())).status, 503, 'a bad script changes nothing');
  assert.equal((await fetch(`${mock.url}/__reset`, { method: 'POST' })).status, 204);
  assert.equal((await post(mock, chat())).status, 200);
  assert.equal(mock.journal().requests, 1);
  assert.throws(() => mock.setScript({ keys: { [KEY]: { fault: 'x' } } }), /no fault called x/);
  assert.equal((await fetch(`${mock.url}/__nothing`)).status, 404);
});
