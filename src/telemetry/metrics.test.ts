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

test('a thousand invented names, keys, tiers and ids are as many lines as one of each', async () => {
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
  const lines = async (): Promise<string[]> =>
    (await metrics.collect()).text.split('\n').filter((line) => line.startsWith('aigateway_'));
  observe('first');
  const before = await lines();
  assert.ok(before.some((line) => line.startsWith('aigateway_unpriced_tokens_total')));
  for (let i = 0; i < 1000; i += 1) observe(`bogus-${i}`);
  const after = await lines();
  assert.equal(after.length, before.length);
  assert.doesNotMatch(after.join('\n'), /bogus|first"/u);
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
