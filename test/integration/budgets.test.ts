// Budgets of client keys on the whole gateway: never overspent, not blocked without need, and not forgotten over a restart.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readUsd } from '../../src/core/money.ts';
import { readSettings } from '../../src/core/settings.ts';
import { startGateway, type RunningGateway } from '../../src/main.ts';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { limitedClient, type LimitedClient } from '../support/limited-client.ts';
import { runProgram } from '../support/program.ts';
import { clientOf, setUp, startRig, type Rig, type RigClient } from '../support/rig.ts';

const usd = 1_000_000_000;

/** gpt-4 costs $30 and $60 for a million tokens: 1,600 tokens of output and a short prompt are just under $0.10. */
const tenCents = { max_tokens: 1600 };
const tenCentAnswer = { chunks: 16, chunk_text: 'word '.repeat(100), tokens: 1600, chunk_delay_ms: 4, delay_ms: 10 };

/** What a chunk of that costs. */
const chunkUsd = 0.006;

/** What the key's requests cost by the ledger, in nano-dollars. */
async function spentInLedger({ manage }: RigClient, { id }: LimitedClient): Promise<number> {
  const { data } = await manage<{ data: { cost_usd: string | null }[] }>('GET', `/usage?group_by=key`);
  assert.ok(data.length > 0);
  const rows = await manage<{ data: { key_id: string | null; cost_usd: string }[] }>('GET', `/usage?group_by=key`);
  const row = rows.data.find(({ key_id: keyId }) => keyId === id);
  const reading = readUsd(row?.cost_usd ?? '0');
  assert.ok('nanoUsd' in reading);
  return reading.nanoUsd;
}

/** What the fake OpenAI would charge for what it has sent, in nano-dollars. */
function charged(mock: Mock): number {
  return mock
    .journal()
    .entries.reduce((sum, one) => sum + one.prompt_tokens * 30_000 + one.completion_tokens_sent * 60_000, 0);
}

test('a dollar, requests of ten cents, a hundred at once, a quarter cut: never more than the dollar, and no cent refused in vain', async () => {
  const cut = { fault: 'cut-mid-stream', share: 0.125 };
  await using rig = await startRig({ script: { models: { 'gpt-4': { ...tenCentAnswer, fault: cut } } } });
  const client = await limitedClient(rig, { budget: { amount: '1.00' } });
  await untilKnown(client);
  const outcomes = await Promise.all(Array.from({ length: 100 }, (_, n) => askOrLeave(client, n)));
  const count = (outcome: string): number => outcomes.filter((one) => one === outcome).length;
  assert.ok(count('budget_exceeded') >= 80, outcomes.join(' '));
  // A whole answer that was cut at every attempt is a 502.
  const seen = ['budget_exceeded', '200', 'left', '502'].reduce((sum, outcome) => sum + count(outcome), 0);
  assert.ok(seen === 100 && count('502') < 5, outcomes.join(' '));
  await eventually('all is settled', async () => (await runningOf(rig)) === 0);
  const spent = await spentInLedger(rig, client);
  assert.ok(spent <= usd, `${spent / usd} dollars by the ledger`);
  assert.ok(spent > 0.9 * usd, `refused with ${1 - spent / usd} dollars left`);
  // What is left may be enough for one that was cut short; the last one that is refused lacks less than a request's cost.
  let last = await client.ask(tenCents);
  while (last.status === 200) last = await client.ask(tenCents);
  assert.equal(last.error?.code, 'budget_exceeded');
  const inTheEnd = await spentInLedger(rig, client);
  assert.ok(inTheEnd <= usd && usd - inTheEnd < 0.1 * usd, `refused with ${1 - inTheEnd / usd} dollars left`);
  // What the upstream sent in the very moment that it was cut off never came: a chunk for each.
  const unheard = rig.mock.journal().entries.filter(({ finished }) => !finished).length * chunkUsd * usd;
  assert.ok(charged(rig.mock) <= usd + unheard, `${charged(rig.mock) / usd} dollars by the upstream`);
});

/** Waits until what the key has spent has been read: on a busy machine the first request may be told to come again. */
async function untilKnown(client: LimitedClient): Promise<void> {
  await eventually('a request is let in', async () => (await client.ask({ max_tokens: 1 })).status === 200);
}

/** Asks for ten cents; every eighth client leaves in the middle. What came of it. */
async function askOrLeave(client: LimitedClient, n: number): Promise<string> {
  const abort = new AbortController();
  try {
    const response = await client.chat({ ...tenCents, stream: n % 4 !== 3 }, abort.signal);
    if (n % 8 === 0 && response.ok) setTimeout(() => abort.abort(), 20);
    const text = await response.text();
    return /"code":"(budget_exceeded)"/u.exec(text)?.[1] ?? String(response.status);
  } catch {
    return 'left';
  }
}

async function runningOf({ url }: Pick<Rig, 'url'>): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^aigateway_requests_in_flight (\d+)/mu.exec(text)?.[1] ?? 0);
}

test('two hundred in parallel without a limit of their own get one, and the budget holds', async () => {
  await using rig = await startRig({ script: { models: { 'gpt-4': { chunks: 40, tokens: 400, chunk_delay_ms: 2 } } } });
  const client = await limitedClient(rig, { budget: { amount: '0.50' } });
  await untilKnown(client);
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, n) => (await client.chat({ stream: n % 2 === 0 })).text()),
  );
  const bodies = rig.mock
    .journal()
    .entries.flatMap(({ body }) => (body === null ? [] : [Buffer.from(body, 'base64').toString()]))
    .filter((body) => !body.includes('"max_tokens"'));
  assert.ok(bodies.length > 10);
  for (const body of bodies) {
    const cap = Number(/,"max_completion_tokens":(\d+)/u.exec(body)?.[1]);
    assert.ok(cap >= 400 && cap <= 8192, body);
  }
  assert.ok(answers.some((text) => text.includes('budget_exceeded')));
  await eventually('all is settled', async () => (await runningOf(rig)) === 0);
  const spent = await spentInLedger(rig, client);
  assert.ok(spent <= 0.5 * usd && spent > 0.4 * usd, `${spent / usd}`);
});

test('the limit is written where the request has none, by the name that the endpoint and the provider know', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { budget: { amount: '100' } });
  const shadow = await limitedClient(rig, { name: 'Watched', budget: { amount: '0.000001' }, budget_mode: 'shadow' });
  const headers = { authorization: `Bearer ${client.key}` };
  const bodies = [
    '{"model":"gpt-4","messages":[]}',
    '{"model":"gpt-4","messages":[],"max_tokens":7}',
    '{"model":"gpt-4","messages":[],"max_tokens":7,"max_tokens":null}',
  ];
  for (const body of bodies) await rig.post('/v1/chat/completions', body, headers);
  await rig.post('/v1/completions', '{"model":"gpt-3.5-turbo-instruct","prompt":"a"}', headers);
  const foreign = '{"model":"gpt-3.5-turbo-instruct","prompt":"a","max_completion_tokens":1}';
  await rig.post('/v1/completions', foreign, headers);
  await rig.post('/v1/embeddings', '{"model":"text-embedding-3-small","input":"a"}', headers);
  await rig.post('/v1/chat/completions', bodies[0], { authorization: `Bearer ${shadow.key}` });
  await rig.manage('PATCH', '/providers/openai', { config: { output_limit_name: 'max_tokens' } });
  await rig.post('/v1/chat/completions', bodies[0], headers);
  const sent = rig.mock.journal().entries.map(({ body }) => Buffer.from(body ?? '', 'base64').toString());
  assert.deepEqual(
    sent.map((body) => body.replaceAll(/tokens":\d{4}/gu, 'tokens":N')),
    [
      '{"model":"gpt-4","messages":[],"max_completion_tokens":N}',
      '{"model":"gpt-4","messages":[],"max_tokens":7}',
      '{"model":"gpt-4","messages":[],"max_tokens":null,"max_tokens":null,"max_completion_tokens":N}',
      '{"model":"gpt-3.5-turbo-instruct","prompt":"a","max_tokens":16}',
      '{"model":"gpt-3.5-turbo-instruct","prompt":"a","max_completion_tokens":1,"max_tokens":16}',
      '{"model":"text-embedding-3-small","input":"a"}',
      '{"model":"gpt-4","messages":[]}',
      '{"model":"gpt-4","messages":[],"max_tokens":N}',
    ],
  );
});

test('a model without a price is refused to a key with a budget, unless the key may use it', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { budget: { amount: '1' } });
  const refused = await client.ask({ model: 'openai/nobody-knows-it' });
  assert.deepEqual([refused.status, refused.error?.code], [403, 'model_not_allowed']);
  assert.match(refused.error?.message ?? '', /price of the model "nobody-knows-it" is not known/u);
  const free = await limitedClient(rig, { budget: { amount: '1' }, allows_unpriced: true });
  assert.equal((await free.ask({ model: 'openai/nobody-knows-it' })).status, 404, 'the fake OpenAI knows it as little');
  await rig.manage('POST', '/prices', { model: 'nobody-knows-it', input: '1', output: '2' });
  assert.equal((await client.ask({ model: 'openai/nobody-knows-it' })).status, 404);
});

test('near the end of a budget a long prompt is counted, and what fits is let in', async () => {
  await using rig = await startRig();
  // 40,000 bytes of words would be $0.24 at most, and are about $0.24 / 4.
  const body = { max_tokens: 5, messages: [{ role: 'user', content: 'word '.repeat(1600) }] };
  const client = await limitedClient(rig, { budget: { amount: '0.12' } });
  assert.equal((await client.ask(body)).status, 200);
  const second = await client.ask(body);
  assert.equal(second.status, 200);
  const third = await client.ask(body);
  assert.equal(third.error?.code, 'budget_exceeded');
  const spent = await spentInLedger(rig, client);
  assert.ok(spent > 0.09 * usd && spent <= 0.12 * usd, `${spent / usd}`);
});

/** A gateway in a folder that it may be started in again. */
async function openAgain(folder: string): Promise<RunningGateway> {
  return startGateway(
    readSettings({ PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent', DRAIN_TIMEOUT_MS: '0' }, {}),
    () => {},
  );
}

test('what a key spends while it has no budget counts when it has one again', async () => {
  await using rig = await startRig({ script: { models: { 'gpt-4': tenCentAnswer } } });
  const budget = { amount: '0.50', period: 'none' };
  const client = await limitedClient(rig, { budget });
  await untilKnown(client);
  assert.equal((await client.ask(tenCents)).status, 200);
  await rig.manage('PATCH', `/keys/${client.id}`, { budget: null });
  for (let i = 0; i < 4; i += 1) assert.equal((await client.ask(tenCents)).status, 200);
  await rig.manage('PATCH', `/keys/${client.id}`, { budget });
  assert.equal((await client.ask(tenCents)).error?.code, 'budget_exceeded');
});

test('what was spent is still spent after a restart', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-test-'));
  let gateway: RunningGateway | undefined;
  t.after(() => gateway?.stop());
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const mock = await startMock({ port: 0, script: { models: { 'gpt-4': { chunks: 1, tokens: 1000 } } } });
  t.after(() => mock.close());
  gateway = await openAgain(folder);
  const rig = clientOf(gateway.url);
  await setUp(rig, mock);
  const client = await limitedClient(rig, { budget: { amount: '0.13', period: 'month' } });
  assert.equal((await client.ask({ max_tokens: 1000 })).status, 200);
  const spent = await spentInLedger(rig, client);
  await gateway.stop();
  gateway = undefined;
  gateway = await openAgain(folder);
  const again = { ...client, ...(await clientWith(clientOf(gateway.url), client)) };
  const refused = await again.ask({ max_tokens: 1200 });
  assert.equal(refused.error?.code, 'budget_exceeded');
  assert.match(refused.error?.message ?? '', new RegExp(`\\$${(spent / usd).toFixed(2)}\\d* is spent`, 'u'));
  assert.equal((await again.ask({ max_tokens: 1000 })).status, 200);
  assert.equal((await again.ask({ max_tokens: 1000 })).error?.code, 'budget_exceeded');
});

test('what a killed gateway had under way counts with what was reserved for it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const mock = await startMock({
    port: 0,
    script: { models: { 'gpt-4': { chunks: 100, tokens: 1000, chunk_delay_ms: 100 } } },
  });
  t.after(() => mock.close());
  await using program = runProgram(['serve', '--port', '0', '--data-dir', folder], {
    env: { AIGATEWAY_LOG_LEVEL: 'warn' },
  });
  const rig = clientOf(await program.url);
  await setUp(rig, mock);
  const client = await limitedClient(rig, { budget: { amount: '0.20', period: 'month' } });
  const running = [0, 1].map(async () => (await client.chat({ stream: true, max_tokens: 1000 })).text());
  await eventually('both are under way', () => mock.journal().open_requests === 2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  program.process.kill('SIGKILL');
  await Promise.allSettled(running);
  await program.exit;
  await using next = runProgram(['serve', '--port', '0', '--data-dir', folder], {
    env: { AIGATEWAY_LOG_LEVEL: 'warn' },
  });
  const again = await clientWith(clientOf(await next.url), client);
  const refused = await again.ask({ max_tokens: 1500 });
  assert.equal(refused.error?.code, 'budget_exceeded');
  // Twice $0.06 and the bytes of a short prompt.
  assert.match(refused.error?.message ?? '', /\$0\.12\d* is spent/u);
  next.process.kill('SIGTERM');
  await next.exit;
});

/** The same client at another address. */
async function clientWith({ post }: RigClient, { id, key }: LimitedClient): Promise<LimitedClient> {
  return limitedClient({ post, manage: async <Answer>() => ({ id, key }) as Answer }, {});
}
