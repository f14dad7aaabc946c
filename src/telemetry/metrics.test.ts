// Nothing that a client or an upstream may invent makes another line of the metrics.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptRecord, requestRecord } from '../../test/support/records.ts';
import { openMetrics } from './metrics.ts';

const usage = {
  prompt_tokens: 1,
  completion_tokens: 1,
  total_tokens: 2,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

const sources: Parameters<typeof openMetrics>[0] = {
  running: () => 0,
  load: () => ({ attempts: 0, waiting: 0, bodyBytes: 0 }),
  hasAccount: () => true,
  benched: () => [],
  isRedisAway: () => undefined,
  ledger: () => ({
    waitingBytes: 0,
    lostLines: 0,
    lostTranscripts: 0,
    isSpoolInTrouble: false,
    isDatabaseAway: false,
  }),
  siblings: undefined,
};

test('a thousand invented names, keys, tiers and ids are as many lines as one of each, but for fifty models without a price', async () => {
  const metrics = openMetrics(sources);
  const observe = (name: string): void => {
    for (const costNanoUsd of [null, 5]) {
      const attempt = attemptRecord(1, {
        model: name,
        usage,
        usageSource: 'upstream',
        rawUsage: `{"${name}":1}`,
        serviceTier: name,
        upstreamRequestId: name,
        priceId: name,
        costNanoUsd,
      });
      const attempts = [attempt];
      metrics.observe(requestRecord(name, 1, { model: name, keyId: name, chosenBecause: name, usage, attempts }));
    }
  };
  const unpriced = 'aigateway_unpriced_tokens_total';
  const allLines = async (): Promise<string[]> => (await metrics.collect()).text.split('\n');
  const lines = async (): Promise<string[]> =>
    (await allLines()).filter((line) => line.startsWith('aigateway_') && !line.startsWith(unpriced));
  observe('first');
  const before = await lines();
  for (let i = 0; i < 1000; i += 1) observe(`bogus-${i}`);
  const after = await lines();
  assert.equal(after.length, before.length);
  assert.doesNotMatch(after.join('\n'), /bogus|first"/u);
  const counted = (await allLines()).filter((line) => line.startsWith(unpriced));
  assert.equal(counted.length, 51);
  assert.match(counted[0] ?? '', /model="first"/u);
  const total = usage.total_tokens;
  assert.match(counted.find((line) => line.includes('model="other"')) ?? '', new RegExp(` ${951 * total}$`, 'u'));
});

test('a model without a price is a label as it is written, and a key in its place is not', async () => {
  const metrics = openMetrics(sources);
  for (const model of ['a "model"\\\n', 'sk-test-key-000000000001']) {
    const attempt = attemptRecord(1, { model, usage, usageSource: 'upstream', costNanoUsd: null });
    metrics.observe(requestRecord('r', 1, { usage, attempts: [attempt] }));
  }
  const { text } = await metrics.collect();
  assert.ok(text.includes(String.raw`model="a \"model\"\\\n"} 2`), text);
  assert.ok(text.includes('model="[secret]"} 2'), text);
  assert.ok(!text.includes('sk-test-key'));
});

test('statuses that HTTP does not know are one label, whatever an upstream answers', async () => {
  const metrics = openMetrics(sources);
  for (const status of [null, 200, 429, 529, 799, 999]) metrics.observe(requestRecord('r', 0, { status }));
  const { text } = await metrics.collect();
  const counted = [...text.matchAll(/^aigateway_requests_total\{.*status="(\w+)".*\} (\d+)$/gmu)];
  assert.deepEqual(
    counted.map(([, status, count]) => `${status} ${count}`),
    ['0 1', '200 1', '429 1', 'other 3'],
  );
});

test('what is counted of an account ends with it, also where another worker is asked for the metrics', async () => {
  const accounts = new Set<string>();
  const metrics = openMetrics({ ...sources, hasAccount: (id) => accounts.has(id) });
  const observe = (): void => {
    const attempt = attemptRecord(1, { accountId: 'acc_gone', usage, usageSource: 'upstream', costNanoUsd: 5 });
    metrics.observe(requestRecord('r', 1, { usage, attempts: [attempt] }));
  };
  const linesOfIt = async (): Promise<number> =>
    (await metrics.collect()).text.split('\n').filter((line) => line.includes('account_id="acc_gone"')).length;
  accounts.add('acc_gone');
  observe();
  assert.deepEqual([await linesOfIt(), await linesOfIt()], [2, 2], 'attempts and cost');
  accounts.clear();
  assert.deepEqual([await linesOfIt(), await linesOfIt()], [2, 0], 'once more with all that was counted');
  observe();
  await metrics.report();
  assert.equal(await linesOfIt(), 0);
});

test('every token without a price is counted, and a request without an answer has no first byte', async () => {
  const metrics = openMetrics(sources);
  const used = { ...usage, prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
  const attempts = [attemptRecord(1, { usage: used, usageSource: 'upstream', costNanoUsd: null })];
  metrics.observe(requestRecord('r', 1, { usage: used, attempts, firstByteMs: null }));
  const { text } = await metrics.collect();
  assert.match(text, /^aigateway_unpriced_tokens_total\{provider_id="\w+",model="[\w-]+"\} 7$/mu);
  assert.doesNotMatch(text, /^aigateway_first_byte_seconds_count/mu);
  metrics.observe(requestRecord('r', 2, { firstByteMs: 1500 }));
  assert.match((await metrics.collect()).text, /^aigateway_first_byte_seconds_sum\{.*\} 1\.5$/mu);
});
