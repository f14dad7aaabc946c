// Does knowing what is left beat taking turns? Five unequal accounts, two of one quota, at 95 % of what they truly allow.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
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
  url: string,
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

async function throughGateway(upstream: string, seconds: number, folder: string): Promise<Outcome> {
  const gateway = await startProcess({
    command: process.execPath,
    args: [launcher, 'serve'],
    env: { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder },
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
  const manage = async (method: string, path: string, content: unknown): Promise<void> => {
    const response = await fetch(`${gateway.readyText}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(content),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  };
  try {
    await manage('PATCH', 'providers/openai', { base_url: upstream });
    for (const { key } of accounts)
      await manage('POST', 'accounts', { provider_id: 'openai', label: key.slice(3, 13), auth_data: { api_key: key } });
    return await drive('aigateway', gateway.readyText, upstream, seconds, () => 'any');
  } finally {
    await gateway.stop();
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

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '90' } } });
const seconds = Number(values.seconds);
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
  const outcomes = [await throughGateway(upstream, seconds, join(folder, 'data'))];
  await fetch(`${upstream}/__reset`, { method: 'POST' });
  outcomes.push(
    await drive('plain round robin', upstream, upstream, seconds, (n) => accounts[n % accounts.length]?.key ?? ''),
  );
  print(outcomes);
} finally {
  await fake?.stop();
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
}
