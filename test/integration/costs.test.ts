// What a request cost: told to the client, kept in the ledger, counted in the metrics, to the nano-dollar.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeUsd } from '../../src/core/money.ts';
import { eventually } from '../support/await.ts';
import { jsonAnswer, startRawUpstream } from '../support/raw-upstream.ts';
import { runOutside } from '../support/outside-sql.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

interface Row {
  readonly model: string;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_nano_usd: number | null;
  readonly price_id: string | null;
}

/** The ledger's attempts, once there are so many. */
async function rows({ database }: Rig, count: number): Promise<Row[]> {
  let found: Record<string, unknown>[] = [];
  await eventually('the rows are there', async () => {
    found = await runOutside(database, 'SELECT * FROM attempts ORDER BY request_id, n');
    return found.length >= count;
  });
  return found as unknown as Row[];
}

/** gpt-4o: 2.50 USD a million tokens in, 10 out (the list of 2026-09). */
const gpt4o = (row: Pick<Row, 'prompt_tokens' | 'completion_tokens'>): number =>
  row.prompt_tokens * 2500 + row.completion_tokens * 10_000;

test('the header of a whole answer, the ledger and the metric say the same', async () => {
  await using rig = await startRig();
  const response = await rig.post('/v1/chat/completions', chat('gpt-4o'));
  await response.text();
  const [row] = await rows(rig, 1);
  assert.ok(row && row.prompt_tokens > 0 && row.completion_tokens > 0);
  assert.equal(row.cost_nano_usd, gpt4o(row));
  assert.ok(row.price_id);
  assert.equal(response.headers.get('x-aigateway-cost-usd'), writeUsd(gpt4o(row)));
  const metrics = await (await fetch(`${rig.url}/metrics`)).text();
  const counted = /^aigateway_cost_usd_total\{.*\} (\S+)$/mu.exec(metrics)?.[1];
  assert.equal(Number(counted), gpt4o(row) / 1e9);
});

test('a model without a price costs null, never 0, and its tokens are counted', async () => {
  await using rig = await startRig();
  const response = await rig.post('/v1/chat/completions', chat('gpt-4-nobody-knows'));
  await response.text();
  assert.equal(response.headers.get('x-aigateway-cost-usd'), null);
  const [row] = await rows(rig, 1);
  assert.deepEqual([row?.cost_nano_usd, row?.price_id], [null, null]);
  const metrics = await (await fetch(`${rig.url}/metrics`)).text();
  assert.match(metrics, /^aigateway_unpriced_tokens_total\{provider_id="openai",model="gpt-4-nobody-knows"\} [1-9]/mu);
});

test('a stream tells its cost in the usage chunk to those who ask for it, and to nobody else', async () => {
  await using rig = await startRig();
  const withUsage = chat('gpt-4o', { stream: true, stream_options: { include_usage: true } });
  const plain = await (await rig.post('/v1/chat/completions', withUsage)).text();
  assert.doesNotMatch(plain, /aigateway/u);
  const asked = await (
    await rig.post('/v1/chat/completions', withUsage, { 'x-aigateway-include-cost': 'true' })
  ).text();
  const chunks = asked.split('\n\n').filter((event) => event.startsWith('data: {'));
  const last = JSON.parse(chunks.at(-1)?.slice('data: '.length) ?? '') as {
    usage: { prompt_tokens: number; completion_tokens: number };
    aigateway: { cost_usd: string };
  };
  assert.equal(last.aigateway.cost_usd, writeUsd(gpt4o(last.usage)));
  assert.match(asked, /\n\ndata: \[DONE\]\n\n$/u);
  const silent = await (
    await rig.post('/v1/chat/completions', chat('gpt-4o', { stream: true }), { 'x-aigateway-include-cost': 'true' })
  ).text();
  assert.doesNotMatch(silent, /aigateway/u, 'who does not ask for usage gets no usage chunk');
  for (const row of await rows(rig, 3)) assert.equal(row.cost_nano_usd, gpt4o(row));
});

test('the tier that the answer names decides, whatever the request asked for', async (t) => {
  const upstream = await startRawUpstream((socket, { body }) => {
    const served = body.includes('"service_tier"') ? 'default' : 'flex';
    const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
    socket.write(jsonAnswer(JSON.stringify({ choices: [], service_tier: served, usage })));
  });
  t.after(() => upstream.close());
  await using rig = await startRig();
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  for (const [tier, input] of [
    ['default', '4'],
    ['flex', '2'],
  ])
    await rig.manage('POST', '/prices', { model: 'o-tiers', tier, input, output: '10', provider_id: 'openai' });
  const costs: (string | null)[] = [];
  for (const asked of [{ service_tier: 'flex' }, {}]) {
    const response = await rig.post('/v1/chat/completions', chat('openai/o-tiers', asked));
    await response.text();
    costs.push(response.headers.get('x-aigateway-cost-usd'));
  }
  assert.deepEqual(costs, ['0.0005', '0.0003']);
  assert.deepEqual(
    (await rows(rig, 2)).map(({ cost_nano_usd: cost }) => cost),
    [500_000, 300_000],
  );
});

test('an attempt that failed costs nothing, and one on a fallback is priced by the model that served', async () => {
  await using rig = await startRig();
  await rig.manage('POST', '/routes', {
    pattern: 'gpt-fault-500',
    provider_id: 'openai',
    fallbacks: [{ provider_id: 'openai', model: 'gpt-4o', on: ['upstream_error'] }],
  });
  const response = await rig.post('/v1/chat/completions', chat('gpt-fault-500'));
  assert.equal(response.status, 200, await response.clone().text());
  await response.text();
  const attempts = await rows(rig, 2);
  const served = attempts.at(-1);
  assert.ok(served && attempts.length > 1);
  assert.equal(served.model, 'gpt-4o');
  assert.equal(response.headers.get('x-aigateway-cost-usd'), writeUsd(gpt4o(served)));
});
