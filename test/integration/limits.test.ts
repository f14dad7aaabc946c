// The limits of client keys on the whole gateway: what is refused and how, what the headers say, and what stays untouched.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { eventually } from '../support/await.ts';
import { limitedClient } from '../support/limited-client.ts';
import { startRig, type Rig } from '../support/rig.ts';

const rateNames = ['limit', 'remaining', 'reset'].flatMap((what) => [
  `x-ratelimit-${what}-requests`,
  `x-ratelimit-${what}-tokens`,
]);

function rates(headers: Headers): Record<string, string | null> {
  return Object.fromEntries(rateNames.map((name) => [name.slice('x-ratelimit-'.length), headers.get(name)]));
}

async function metric(rig: Rig, line: RegExp): Promise<number> {
  const text = await (await fetch(`${rig.url}/metrics`)).text();
  return Number(line.exec(text)?.[1] ?? 0);
}

test('requests a minute: the third of two is refused, with the exact wait', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { rpm: 2 });
  const first = await client.ask();
  assert.equal(first.status, 200);
  assert.deepEqual(
    [first.headers.get('x-ratelimit-limit-requests'), first.headers.get('x-ratelimit-remaining-requests')],
    ['2', '1'],
  );
  assert.match(first.headers.get('x-ratelimit-reset-requests') ?? '', /^(?:1m0s|59(?:\.\d+)?s)$/u);
  // The upstream's word on tokens still passes: the key has no limit of its own there.
  assert.equal(first.headers.get('x-ratelimit-limit-tokens'), '30000000');
  await client.ask();
  const { status, error, headers } = await client.ask();
  assert.deepEqual([status, error?.code, error?.type], [429, 'rate_limit_exceeded', 'requests']);
  assert.match(error?.message ?? '', /^The client key "Test" may send 2 requests a minute/u);
  const waitMs = Number(headers.get('retry-after-ms'));
  assert.ok(waitMs > 55_000 && waitMs <= 60_000, String(waitMs));
  assert.equal(headers.get('retry-after'), String(Math.ceil(waitMs / 1000)));
  assert.equal(headers.get('x-ratelimit-remaining-requests'), '0');
  assert.equal(headers.get('x-aigateway-attempts'), '0');
  assert.equal(await metric(rig, /limits_passed_total\{limit="requests",mode="enforce"\} (\d+)/u), 1);
});

test('tokens a minute: reserved by the estimate, then counted as they were, streamed or whole', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { tpm: 3000 });
  const whole = await client.ask({ max_tokens: 1000 });
  assert.equal(whole.status, 200);
  const remaining = Number(whole.headers.get('x-ratelimit-remaining-tokens'));
  assert.ok(remaining > 1900 && remaining < 2000, String(remaining));
  // A request whose estimate is more than what is left now fits once the truth is known.
  const stream = await client.ask({ max_tokens: 2500, stream: true });
  assert.equal(stream.status, 200);
  const refused = await client.ask({ max_tokens: 2990 });
  assert.deepEqual([refused.status, refused.error?.type], [429, 'tokens']);
  assert.ok(Number(refused.headers.get('retry-after-ms')) > 50_000);
  const used = 3000 - Number(refused.headers.get('x-ratelimit-remaining-tokens'));
  assert.ok(used > 20 && used < 100, `the two answers used ${used}`);
});

test('the larger of two output limits counts, times n; a first request is never refused for its own size', async () => {
  await using rig = await startRig();
  const bodies: readonly (readonly [body: Record<string, unknown>, estimate: number])[] = [
    [{ max_tokens: 10, max_completion_tokens: 5000 }, 5000],
    [{ max_tokens: 5000, max_completion_tokens: 10 }, 5000],
    [{ max_tokens: 2000, n: 4 }, 8000],
    [{ max_tokens: 100_000 }, 100_000],
    [{}, 1024],
  ];
  for (const [body, estimate] of bodies) {
    const client = await limitedClient(rig, { tpm: 200_000 });
    const answer = await client.ask(body);
    assert.notEqual(answer.status, 429);
    const reserved = 200_000 - Number(answer.headers.get('x-ratelimit-remaining-tokens'));
    assert.ok(reserved > estimate && reserved < estimate + 60, `${reserved} for ${JSON.stringify(body)}`);
    const small = await limitedClient(rig, { tpm: 10 });
    const first = await small.ask(body);
    assert.notEqual(first.status, 429, 'the first one');
    // What the upstream has refused has used nothing.
    if (first.status === 200) assert.equal((await small.ask(body)).error?.type, 'tokens', 'the second one');
  }
});

test('requests at the same time: no more than allowed, and each end makes room', async () => {
  await using rig = await startRig({ script: { delay_ms: 200 } });
  const client = await limitedClient(rig, { max_concurrency: 3 });
  const answers = await Promise.all(Array.from({ length: 8 }, () => client.ask()));
  assert.equal(answers.filter(({ status }) => status === 200).length, 3);
  const refused = answers.find(({ status }) => status === 429);
  assert.deepEqual([refused?.error?.code, refused?.error?.type], ['rate_limit_exceeded', 'concurrency']);
  assert.equal(refused?.headers.get('retry-after'), '1');
  const abort = new AbortController();
  const gone = client.chat({}, abort.signal);
  await eventually('the request is upstream', () => rig.mock.journal().open_requests === 1);
  abort.abort();
  await assert.rejects(gone);
  await eventually('its place is free', async () => {
    const next = await Promise.all(Array.from({ length: 3 }, () => client.ask()));
    return next.every(({ status }) => status === 200);
  });
});

test("what never reached an upstream does not count, and the account's limits stay the account's", async () => {
  await using rig = await startRig({ script: { rpm: 500, tpm: 40_000 } });
  const client = await limitedClient(rig, { rpm: 100, tpm: 100_000 });
  assert.equal((await client.ask({ model: 'no-such-route' })).status, 404);
  const fine = await client.ask();
  assert.equal(fine.headers.get('x-ratelimit-limit-requests'), '100');
  assert.equal(fine.headers.get('x-ratelimit-limit-tokens'), '100000');
  assert.equal(fine.headers.get('x-ratelimit-remaining-requests'), '99');
  const bad = await client.ask({ model: 'gpt-fault-400' });
  assert.equal(bad.status, 400);
  assert.equal(bad.headers.get('x-ratelimit-limit-requests'), '100');
  assert.equal(bad.headers.get('x-ratelimit-remaining-requests'), '98');
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { is_active: false });
  for (let i = 0; i < 3; i += 1) assert.equal((await client.ask()).status, 503);
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { is_active: true });
  const after = await client.ask();
  assert.equal(after.headers.get('x-ratelimit-remaining-requests'), '97');
  const models = await fetch(`${rig.url}/v1/models`, { headers: { authorization: `Bearer ${client.key}` } });
  assert.equal(models.headers.get('x-ratelimit-limit-requests'), '100');
});

test('limits that are only watched refuse nobody, show nothing to the client, and are counted', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { rpm: 1, max_concurrency: 5, limits_mode: 'shadow' });
  for (let i = 0; i < 3; i += 1) {
    const answer = await client.ask();
    assert.equal(answer.status, 200);
    assert.deepEqual(rates(answer.headers)['limit-requests'], '10000');
  }
  assert.equal(await metric(rig, /limits_passed_total\{limit="requests",mode="shadow"\} (\d+)/u), 2);
});

test('a change of a limit holds at once and forgets nothing; a key without limits is not counted', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { rpm: 2 });
  await client.ask();
  await client.ask();
  assert.equal((await client.ask()).status, 429);
  await rig.manage('PATCH', `/keys/${client.id}`, { rpm: 3 });
  assert.equal((await client.ask()).status, 200);
  assert.equal((await client.ask()).status, 429);
  await rig.manage('PATCH', `/keys/${client.id}`, { rpm: null });
  for (let i = 0; i < 5; i += 1) assert.equal((await client.ask()).status, 200);
  const free = await limitedClient(rig, {});
  assert.equal((await free.ask()).headers.get('x-ratelimit-limit-requests'), '10000');
});

test("OpenAI's client sees a rate limit as one, and waits for it; of a budget it is told once", async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { rpm: 1, budget: { amount: '0.000001' } });
  const openai = new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: client.key, maxRetries: 0 });
  const ask = (sdk: OpenAI): Promise<unknown> =>
    sdk.chat.completions.create({ model: 'gpt-4', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 5 });
  await assert.rejects(ask(openai), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.deepEqual([error.code, error.type], ['budget_exceeded', 'insufficient_quota']);
    return true;
  });
  const before = await metric(rig, /requests_total\{[^}]*status="429"[^}]*\} (\d+)/u);
  await assert.rejects(ask(new OpenAI({ baseURL: `${rig.url}/v1`, apiKey: client.key, maxRetries: 3 })));
  assert.equal((await metric(rig, /requests_total\{[^}]*status="429"[^}]*\} (\d+)/u)) - before, 1);
});

test('a key that floods is refused, every time, and what waits for its refusal ends with its client; another key is served', async () => {
  await using rig = await startRig();
  const loud = await limitedClient(rig, { name: 'Loud', rpm: 1 });
  const quiet = await limitedClient(rig, { name: 'Quiet', rpm: 100 });
  assert.equal((await loud.ask()).status, 200);
  const gone = new AbortController();
  const flood = Promise.all(Array.from({ length: 700 }, async () => (await loud.ask()).status));
  const leaving = Promise.allSettled(Array.from({ length: 300 }, () => loud.chat({}, gone.signal)));
  for (let n = 0; n < 5; n += 1) assert.equal((await quiet.ask()).status, 200);
  gone.abort();
  await leaving;
  assert.deepEqual(new Set(await flood), new Set([429]));
  await eventually(
    'nothing is under way',
    async () => (await metric(rig, /^aigateway_requests_in_flight (\d+)/mu)) === 0,
    20_000,
  );
  assert.equal(rig.mock.journal().requests, 6, 'no refused request has reached the upstream');
});
