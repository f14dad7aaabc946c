// Rate limits of the fake OpenAI, on a clock that the test moves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goDuration } from '../../src/lib/go-duration.ts';
import { Quotas } from '../../src/mock/quotas.ts';
import { chat, errorOf, post, start } from './support.ts';

test('durations as Go prints them', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [-5, '0s'],
    [0.2, '1ms'],
    [17, '17ms'],
    [1000, '1s'],
    [8640, '8.64s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [4_320_000, '1h12m0s'],
  ];
  for (const [ms, text] of cases) assert.equal(goDuration(ms), text);
});

test('a bucket empties, refuses with the exact wait, and refills continuously', () => {
  const quotas = new Quotas();
  const limits = { requests: 3, tokens: 600 };
  for (let n = 0; n < 3; n += 1) assert.ok(quotas.admit('q', limits, 10, 0).isAdmitted);
  const refused = quotas.admit('q', limits, 10, 0);
  assert.ok(!refused.isAdmitted);
  assert.deepEqual([refused.per, refused.used, refused.waitMs], ['requests', 3, 20_000]);
  assert.ok(!quotas.admit('q', limits, 10, 19_999).isAdmitted);
  assert.ok(quotas.admit('q', limits, 10, 20_000).isAdmitted);
  const large = quotas.admit('q', limits, 601, 20_000);
  assert.ok(!large.isAdmitted && large.per === 'tokens' && large.waitMs === Infinity);
  assert.ok(quotas.admit('other', limits, 600, 20_000).isAdmitted);
});

test('a minute serves no more than the limit and what refills', () => {
  const quotas = new Quotas();
  let served = 0;
  for (let ms = 0; ms < 60_000; ms += 10) {
    if (quotas.admit('q', { requests: 60, tokens: 1e9 }, 1, ms).isAdmitted) served += 1;
  }
  assert.ok(served >= 118 && served <= 120, `${served}`);
});

test('429s say what OpenAI says, and the headers are true', async (t) => {
  let nowMs = 1_800_000_000_000;
  const script = { keys: { 'sk-slow': { rpm: 2, tpm: 1000, organization: 'org-slow' } } };
  const mock = await start(t, { script, now: () => nowMs });
  const key = 'sk-slow';
  const first = await post(mock, chat(), { key });
  assert.equal(first.headers.get('x-ratelimit-limit-requests'), '2');
  assert.equal(first.headers.get('x-ratelimit-remaining-requests'), '1');
  assert.equal(first.headers.get('x-ratelimit-reset-requests'), '30s');
  assert.equal(first.headers.get('x-ratelimit-remaining-tokens'), '987');
  assert.equal(first.headers.get('x-ratelimit-reset-tokens'), '780ms');
  assert.equal(first.headers.get('openai-organization'), 'org-slow');
  assert.equal((await post(mock, chat(), { key })).status, 200);
  nowMs += 28_800;
  const refused = await post(mock, chat(), { key });
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.equal(refused.headers.get('retry-after-ms'), '1200');
  assert.equal(refused.headers.get('x-ratelimit-remaining-requests'), '0');
  assert.deepEqual(await errorOf(refused), {
    message:
      'Rate limit reached for gpt-4o in organization org-slow on requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again in 1.2s. Visit https://platform.openai.com/account/rate-limits to learn more.',
    type: 'requests',
    param: null,
    code: 'rate_limit_exceeded',
  });
  nowMs += 1200;
  assert.equal((await post(mock, chat(), { key })).status, 200);
  assert.equal((await post(mock, chat({ model: 'gpt-4o-mini' }), { key })).status, 200, 'another model, another quota');
});

test('tokens: the larger of prompt and output bound; too large is told apart', async (t) => {
  const nowMs = 1_800_000_000_000;
  const script = { tpm: 1000, retry_after: 'none' } as const;
  const mock = await start(t, { script, now: () => nowMs });
  assert.equal((await post(mock, chat({ max_tokens: 900 }))).status, 200);
  const refused = await post(mock, chat({ max_tokens: 200 }));
  assert.equal(refused.headers.get('retry-after'), null);
  assert.equal(refused.headers.get('retry-after-ms'), null);
  const error = await errorOf(refused);
  assert.equal(error['type'], 'tokens');
  assert.match(String(error['message']), /\(TPM\): Limit 1000, Used 900, Requested 200\. Please try again in 6s\./);
  const large = await errorOf(await post(mock, chat({ max_tokens: 1001 })));
  assert.match(String(large['message']), /^Request too large for gpt-4o .* Limit 1000, Requested 1001\./);
});

test('keys of one organization and project share one quota', async (t) => {
  const owner = { organization: 'org-one', project: 'proj_a' };
  const script = {
    keys: { 'sk-a': { ...owner, rpm: 2 }, 'sk-b': owner, 'sk-c': { ...owner, project: 'proj_b', rpm: 1 } },
  };
  const mock = await start(t, { script, now: () => 0 });
  const statuses: number[] = [];
  for (const key of ['sk-a', 'sk-b', 'sk-b', 'sk-a', 'sk-c', 'sk-other']) {
    statuses.push((await post(mock, chat(), { key })).status);
  }
  assert.deepEqual(statuses, [200, 200, 429, 429, 200, 200]);
  mock.reset();
  assert.equal((await post(mock, chat(), { key: 'sk-a' })).status, 200);
});
