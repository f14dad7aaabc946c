// Three gateways as programs on one PostgreSQL and one Redis: one of them killed under load, and Redis away under steady traffic.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { MockScript } from '../../src/mock/script.ts';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { keepAsking } from '../support/asking.ts';
import { eventually } from '../support/await.ts';
import { limitedClient, type KeyLimits } from '../support/limited-client.ts';
import { sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { runProgram, type Program } from '../support/program.ts';
import { openLine, startRedis, withoutRedis } from '../support/redis.ts';
import { clientOf, setUp, type RigClient } from '../support/rig.ts';

const usd = 1_000_000_000;
const generous = 60_000;

interface Ground extends AsyncDisposable {
  readonly mock: Mock;
  readonly programs: readonly Program[];
  readonly clients: readonly RigClient[];
  readonly urls: readonly string[];
  /** Starts the one of this number once more, on the folder that it had. */
  restart(n: number): Promise<void>;
  /** A new key that all gateways know; how to ask each of them with it. */
  key(limits: KeyLimits): Promise<readonly ((body?: object) => Promise<Response>)[]>;
}

async function openGround(redisUrl: string, script: MockScript): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-trio-'));
  const mock = await startMock({ port: 0, script });
  const databaseUrl = await (await sharedPostgres()).createDatabase();
  const env = {
    AIGATEWAY_DATABASE_URL: databaseUrl,
    AIGATEWAY_REDIS_URL: redisUrl,
    AIGATEWAY_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
    AIGATEWAY_LOG_LEVEL: 'warn',
  };
  const programs: Program[] = [];
  const urls: string[] = [];
  const start = async (n: number): Promise<string> => {
    const program = runProgram(['serve', '--port', '0', '--data-dir', join(folder, `gateway-${n}`)], { env });
    programs.push(program);
    return program.url;
  };
  for (let n = 0; n < 3; n += 1) urls.push(await start(n));
  const clients = urls.map((url) => clientOf(url));
  const [first] = clients as [RigClient];
  await setUp(first, mock);
  return {
    mock,
    programs,
    clients,
    urls,
    async restart(n) {
      await start(n);
    },
    async key(limits) {
      const { key } = await limitedClient(first, limits);
      const body = { model: 'gpt-4', messages: [{ role: 'user', content: 'one two three' }] };
      const asks = clients.map(
        (client) =>
          (more: object = {}): Promise<Response> =>
            client.post('/v1/chat/completions', { ...body, ...more }, { authorization: `Bearer ${key}` }),
      );
      for (const ask of asks)
        await eventually(
          'the key and the account are known',
          async () => {
            const answer = await ask({ max_tokens: 1 });
            await answer.arrayBuffer();
            return answer.status === 200;
          },
          generous,
        );
      return asks;
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs) program.process.kill('SIGTERM');
      for (const program of programs) await program[Symbol.asyncDispose]();
      await mock.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

suite('three gateways', { skip: withoutPostgres || withoutRedis }, () => {
  test('one is killed under load: its places come back, and the budget holds by what the upstream has sent', async (context) => {
    await using redis = await startRedis();
    const answer = { chunks: 8, chunk_text: 'word '.repeat(50), tokens: 400, chunk_delay_ms: 20, delay_ms: 50 };
    await using ground = await openGround(redis.url, { models: { 'gpt-4': answer, 'gpt-3.5-turbo': answer } });
    // The two kinds of traffic are told apart by their model.
    const free = 'gpt-3.5-turbo';
    const placed = await ground.key({ max_concurrency: 30 });
    const paid = await ground.key({ budget: { amount: '10.00' } });
    const before = ground.mock.journal().entries.length;
    const traffic = placed.map((ask) => keepAsking((stream) => ask({ stream, model: free }), 10));
    const spending = paid.map((ask) => keepAsking((stream) => ask({ stream, max_tokens: 400 }), 10));
    await eventually('all are at work', () => spending.every((one) => one.begun() > 40), generous);
    ground.programs[1]?.process.kill('SIGKILL');
    const killedAtMs = performance.now();
    for (const one of traffic) await one.stop();
    const survivors = [placed[0], placed[2]] as const;
    await eventually(
      'all places are free',
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 30 }, async (_, n) => {
            const response = await survivors[n % 2]?.({ model: free });
            await response?.arrayBuffer();
            return response?.status;
          }),
        );
        return answers.every((status) => status === 200);
      },
      generous,
    );
    context.diagnostic(`all places were free ${Math.round(performance.now() - killedAtMs)} ms after the kill`);
    // Who comes back on its folder finds what it had written, and tells what it had spent.
    await ground.restart(1);
    const charged = (): number =>
      ground.mock
        .journal()
        .entries.slice(before)
        .filter(({ model }) => model === 'gpt-4')
        .reduce((sum, one) => sum + one.prompt_tokens * 30_000 + one.completion_tokens_sent * 60_000, 0);
    // Ten requests may have been lost with it. Each holds what it could have cost, and the upstream has sent some of it.
    const mostOfOne = 3 * 30_000 + 400 * 60_000;
    await eventually('all but what was lost is spent', () => charged() >= 10 * usd - 11 * mostOfOne, 3 * generous);
    const isSpent = async (): Promise<boolean> => {
      const response = await paid[0]?.({ max_tokens: 400 });
      return (await response?.text())?.includes('budget_exceeded') === true;
    };
    await eventually('the budget is spent', isSpent, 3 * generous);
    for (const one of spending) await one.stop();
    context.diagnostic(`${charged() / usd} of 10 dollars by the upstream's journal`);
    assert.ok(charged() <= 10 * usd, `${charged() / usd} dollars`);
  });

  test('Redis frozen, cut off and killed, under 100 requests a second: every request of a known key is served', async (context) => {
    await using redis = await startRedis();
    await using line = await openLine(redis.port);
    const url = redis.url.replace(`:${redis.port}`, `:${line.port}`);
    await using ground = await openGround(url, { models: { 'gpt-4': { delay_ms: 5 } } });
    const asks = await ground.key({ rpm: 1_000_000, max_concurrency: 3000, tpm: 1_000_000_000 });
    const state = { isOver: false };
    const took: number[] = [];
    const failures: string[] = [];
    const askInTime = async (): Promise<void> => {
      const all: Promise<void>[] = [];
      for (let n = 0; !state.isOver; n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        const startMs = performance.now();
        const ask = asks[n % asks.length];
        all.push(
          (async () => {
            const response = await ask?.();
            const text = await response?.text();
            took.push(performance.now() - startMs);
            if (response?.status !== 200) failures.push(`${response?.status} ${text}`);
          })(),
        );
      }
      await Promise.all(all);
    };
    const isDegraded = async (): Promise<readonly boolean[]> =>
      Promise.all(
        ground.urls.map(async (at) => (await (await fetch(`${at}/ready`)).text()).includes('"degraded":["redis"]')),
      );
    const report = (what: string): void => {
      const sorted = took.splice(0).sort((a, b) => a - b);
      const at = (share: number): number => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
      context.diagnostic(
        `${what}: ${sorted.length} requests, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(0.9999)} ms`,
      );
    };
    const running = askInTime();
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5000));
    await pause();
    report('well');
    const outages: readonly (readonly [name: string, begin: () => unknown, end: () => unknown])[] = [
      ['frozen', () => redis.signal('SIGSTOP'), () => redis.signal('SIGCONT')],
      ['cut off', () => line.swallow(), () => line.heal()],
      ['killed', () => redis.kill(), () => redis.restart()],
    ];
    for (const [name, begin, end] of outages) {
      await begin();
      await eventually(`${name} is noticed`, async () => (await isDegraded()).every(Boolean), generous);
      report(`${name}, until it was noticed`);
      await pause();
      report(`${name}, after that`);
      await end();
      await eventually(`${name} is over`, async () => !(await isDegraded()).some(Boolean), generous);
      await pause();
      report(`${name}, when it was over`);
      for (const program of ground.programs) {
        const lines = program.output().split('\n');
        const count = (text: string): number => lines.filter((one) => one.includes(text)).length;
        assert.equal(count('Redis does not answer'), outages.findIndex(([other]) => other === name) + 1, name);
      }
    }
    state.isOver = true;
    await running;
    assert.deepEqual(failures, []);
  });
});
