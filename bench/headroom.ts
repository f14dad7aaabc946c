// Does knowing what is left beat taking turns? Five unequal accounts, two of one quota, at 95 % of what they truly allow, through
// one gateway or (--gateways 3) several that share PostgreSQL and Redis.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { startPostgres } from '../test/support/postgres.ts';
import { startRedis } from '../test/support/redis.ts';
import { startProcess, type RunningProcess } from './lib/start-process.ts';

const launcher = fileURLToPath(new URL('../bin/aigateway.js', import.meta.url));

/** Requests and tokens a minute. The second and the third draw on one quota. */
const accounts = [
  { key: 'sk-headroom-a-0000000001', organization: 'org-a', rpm: 6000, tpm: 1_200_000 },
  { key: 'sk-headroom-b-0000000002', organization: 'org-b', rpm: 2400, tpm: 150_000 },
  { key: 'sk-headroom-c-0000000003', organization: 'org-b', rpm: 2400, tpm: 150_000 },
  { key: 'sk-headroom-d-0000000004', organization: 'org-d', rpm: 1200, tpm: 400_000 },
  { key: 'sk-headroom-e-0000000005', organization: 'org-e', rpm: 600, tpm: 90_000 },
] as const;

/** What the fake OpenAI counts a request as: its output bound, which is larger than its prompt. */
const tokensPerRequest = 100;
const demandShare = 0.95;

const quotas = new Map(accounts.map((account) => [account.organization, account]));
const trueSum = [...quotas.values()].reduce((sum, { rpm, tpm }) => sum + Math.min(rpm, tpm / tokensPerRequest), 0);

interface Outcome {
  readonly name: string;
  readonly demand: number;
  readonly served: number;
  readonly upstream429: number;
  readonly upstreamCalls: number;
  readonly waitP99Ms: number;
}

const body = JSON.stringify({
  model: 'gpt-4',
  max_tokens: tokensPerRequest,
  messages: [{ role: 'user', content: 'hello' }],
});
const agent = new Agent({ connections: 256, pipelining: 1 });

/** Sends at random moments (Poisson) at the demanded rate, each request by `keyOf`'s key. */
async function drive(
  name: string,
  urls: readonly string[],
  upstream: string,
  seconds: number,
  keyOf: (n: number) => string,
): Promise<Outcome> {
  const perMs = (trueSum * demandShare) / 60_000;
  const endMs = performance.now() + seconds * 1000;
  const running: Promise<void>[] = [];
  const waits: number[] = [];
  let demand = 0;
  let served = 0;
  let nextMs = performance.now();
  while (performance.now() < endMs) {
    nextMs += -Math.log(1 - Math.random()) / perMs;
    const pauseMs = nextMs - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const n = demand++;
    const startedMs = performance.now();
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${keyOf(n)}` };
    const url = urls[Math.floor(Math.random() * urls.length)];
    running.push(
      request(`${url}/v1/chat/completions`, { method: 'POST', headers, body, dispatcher: agent }).then(
        async (response) => {
          await response.body.dump();
          if (response.statusCode === 200) served += 1;
          waits.push(performance.now() - startedMs);
        },
      ),
    );
  }
  await Promise.all(running);
  const journal = (await (await fetch(`${upstream}/__journal`)).json()) as {
    entries: { path: string; status: number }[];
  };
  const calls = journal.entries.filter(({ path }) => path === '/v1/chat/completions');
  waits.sort((a, b) => a - b);
  return {
    name,
    demand,
    served,
    upstream429: calls.filter(({ status }) => status === 429).length,
    upstreamCalls: calls.length,
    waitP99Ms: Math.round(waits[Math.floor(waits.length * 0.99)] ?? 0),
  };
}

/** What several gateways share. */
interface Stores extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
  /** How many commands Redis has run so far. */
  commands(): Promise<number>;
}

/** PostgreSQL and Redis for several gateways; one needs neither. */
async function openStores(gateways: number): Promise<Stores> {
  if (gateways === 1) return { environment: {}, commands: async () => 0, async [Symbol.asyncDispose]() {} };
  const postgres = await startPostgres();
  const redis = await startRedis();
  return {
    environment: {
      AIGATEWAY_DATABASE_URL: await postgres.createDatabase(),
      AIGATEWAY_REDIS_URL: redis.url,
      AIGATEWAY_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
    },
    async commands() {
      const stats = String(await redis.command('INFO', 'stats'));
      return Number(/^total_commands_processed:(\d+)/mu.exec(stats)?.[1]);
    },
    async [Symbol.asyncDispose]() {
      await redis[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

async function throughGateways(upstream: string, seconds: number, count: number, root: string): Promise<Outcome> {
  await using stores = await openStores(count);
  const gateways: RunningProcess[] = [];
  const call = async (url: string, method: string, path: string, content?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method,
      ...(content !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(content),
      }),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  try {
    for (let n = 0; n < count; n += 1) {
      const env = { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: join(root, String(n)), ...stores.environment };
      const command = { command: process.execPath, args: [launcher, 'serve'], env };
      gateways.push(await startProcess({ ...command, withoutEnv: /^AIGATEWAY_/u, ready: /^listening on (\S+)$/mu }));
    }
    const urls = gateways.map(({ readyText }) => readyText);
    const [first = ''] = urls;
    await call(first, 'PATCH', 'providers/openai', { base_url: upstream });
    for (const { key } of accounts)
      await call(first, 'POST', 'accounts', {
        provider_id: 'openai',
        label: key.slice(3, 13),
        auth_data: { api_key: key },
      });
    // All have the accounts in force within two seconds.
    await new Promise((resolve) => setTimeout(resolve, count === 1 ? 0 : 2500));
    const before = await stores.commands();
    const outcome = await drive(
      count === 1 ? 'aigateway' : `${count} × aigateway`,
      urls,
      upstream,
      seconds,
      () => 'any',
    );
    const commands = (await stores.commands()) - before;
    process.stderr.write(`${(commands / outcome.demand).toFixed(3)} commands of Redis for each request\n`);
    return outcome;
  } finally {
    for (const gateway of gateways) await gateway.stop();
  }
}

function print(outcomes: readonly Outcome[]): void {
  const share = (part: number, whole: number): string => `${((100 * part) / Math.max(whole, 1)).toFixed(3)} %`;
  process.stdout.write(
    '| who chooses the account | demand | served | upstream calls | upstream 429s | p99 ms |\n| --- | ---: | ---: | ---: | ---: | ---: |\n',
  );
  for (const { name, demand, served, upstream429, upstreamCalls, waitP99Ms } of outcomes) {
    process.stdout.write(
      `| ${name} | ${demand} | ${share(served, demand)} | ${upstreamCalls} | ${share(upstream429, upstreamCalls)} | ${waitP99Ms} |\n`,
    );
  }
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '90' }, gateways: { type: 'string', default: '1' } },
});
const seconds = Number(values.seconds);
const gateways = Number(values.gateways);
const folder = mkdtempSync(join(tmpdir(), 'aigateway-headroom-'));
const script = join(folder, 'script.json');
writeFileSync(
  script,
  JSON.stringify({ delay_ms: 200, keys: Object.fromEntries(accounts.map(({ key, ...rest }) => [key, rest])) }),
);
let fake: RunningProcess | undefined;
try {
  fake = await startProcess({
    command: process.execPath,
    args: [launcher, 'mock', '--port', '0', '--script', script],
    env: {},
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
  const upstream = fake.readyText;
  process.stderr.write(
    `five accounts that truly allow ${trueSum} requests a minute, ${demandShare * 100} % of it demanded for ${seconds} s, twice\n`,
  );
  const outcomes = [await throughGateways(upstream, seconds, gateways, join(folder, 'data'))];
  await fetch(`${upstream}/__reset`, { method: 'POST' });
  outcomes.push(
    await drive('plain round robin', [upstream], upstream, seconds, (n) => accounts[n % accounts.length]?.key ?? ''),
  );
  print(outcomes);
} finally {
  await fake?.stop();
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
}
