// `npm run bench:neighbours`: how much one client key that floods slows another down that shares nothing with it, window beside window.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import type { Target } from './job.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { floodBeside } from './lib/flood-beside.ts';
import { shuffled, spreadOf, quantile } from './lib/statistics.ts';
import { startProcess, type RunningProcess } from './lib/start-process.ts';
import type { FloodReport } from './programs/flood.ts';
import { readSetting } from './report/machine.ts';

const launcher = fileURLToPath(new URL('../bin/aigateway.js', import.meta.url));
/** The other's p99 may grow by so much. */
const boundPercent = 20;
/** As long as a short answer of a small model takes. */
const answerMs = 200;
const quietConnections = 20;
const floodConnections = 64;
const floodLimitPerMinute = 600;

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '3' },
    /** Requests a second of the one that floods; 0: as fast as answers come. */
    rate: { type: 'string', default: '1000' },
  },
});
const windowMs = Number(values.seconds) * 1000;
const perSecond = Number(values.rate);
const agent = new Agent({ connections: quietConnections, pipelining: 1 });

function start(args: readonly string[], env: Record<string, string>): Promise<RunningProcess> {
  return startProcess({
    command: process.execPath,
    args: [launcher, ...args],
    env,
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
}

async function manage<Answer>(url: string, method: 'POST' | 'PATCH', path: string, content: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const { statusCode, body } = await request(`${url}/api/v1/${path}`, {
    method,
    headers,
    body: JSON.stringify(content),
    dispatcher: agent,
  });
  if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}: ${await body.text()}`);
  return (await body.json()) as Answer;
}

/** Twenty connections that ask one thing after another; how long each answer took, in ms. */
async function askQuietly(url: string, key: string): Promise<number[]> {
  const endMs = performance.now() + windowMs;
  const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] });
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
  const durations: number[] = [];
  const lane = async (): Promise<void> => {
    // Not all at once: else they would ask in step, and wait for each other.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * answerMs));
    while (performance.now() < endMs) {
      const startedAtMs = performance.now();
      const answer = await request(`${url}/v1/chat/completions`, { method: 'POST', headers, body, dispatcher: agent });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`the quiet one was answered ${answer.statusCode}`);
      durations.push(performance.now() - startedAtMs);
    }
  };
  await Promise.all(Array.from({ length: quietConnections }, lane));
  return durations;
}

/** The program that floods; `null` where this window has none. */
async function floodOf(target: Target | null): Promise<Pick<FloodReport, 'sent' | 'refused'>> {
  if (target === null) return { sent: 0, refused: 0 };
  // It outlasts the window by its own start.
  const durationMs = windowMs + answerMs;
  return floodBeside({ target, model: 'gpt-bench-whole', connections: floodConnections, perSecond, durationMs });
}

function targetOf(url: string, key: string): Target {
  const { hostname: host, port } = new URL(url);
  const path = '/v1/chat/completions';
  return { host, port: Number(port), path, keys: [key], modelPrefix: 'openai/', isVerbatim: true };
}

endOnSignal();
const { date, cpu, cores, node, gateway: version, loadBefore } = readSetting({});
process.stdout.write(
  `${date}, ${cpu}, ${cores} cores, Node.js ${node}, aigateway ${version}, load before ${loadBefore}\n`,
);
const folder = mkdtempSync(join(tmpdir(), 'aigateway-neighbours-'));
const data = join(folder, 'data');
mkdirSync(data);
const running: RunningProcess[] = [];
try {
  const script = join(folder, 'script.json');
  writeFileSync(script, JSON.stringify({ rpm: 1e7, tpm: 1e10, delay_ms: answerMs }));
  const fake = await start(['mock', '--port', '0', '--script', script], {});
  running.push(fake);
  const gateway = await start(['serve'], { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: data });
  running.push(gateway);
  const url = gateway.readyText;
  await manage(url, 'PATCH', 'providers/openai', { base_url: fake.readyText });
  // Each has an account of its own, by the models that they may use.
  for (const model of ['gpt-4o', 'gpt-bench-whole'])
    await manage(url, 'POST', 'accounts', {
      provider_id: 'openai',
      label: model,
      auth_data: { api_key: `sk-neighbour-${model}-0001` },
      allowed_models: [model],
    });
  const quiet = await manage<{ key: string }>(url, 'POST', 'keys', { name: 'Quiet', models: ['gpt-4o'] });
  const loud = await manage<{ key: string }>(url, 'POST', 'keys', { name: 'Loud', rpm: floodLimitPerMinute });
  const target = targetOf(url, loud.key);
  await Promise.all([askQuietly(url, quiet.key), floodOf(target)]);
  const found = { alone: [] as number[], beside: [] as number[] };
  const growth: number[] = [];
  let flooded = { sent: 0, refused: 0 };
  for (let pair = 0; pair < Number(values.pairs); pair += 1) {
    const p99: Record<keyof typeof found, number> = { alone: 0, beside: 0 };
    for (const window of shuffled(['alone', 'beside'] as const)) {
      const [durations, report] = await Promise.all([
        askQuietly(url, quiet.key),
        floodOf(window === 'beside' ? target : null),
      ]);
      found[window].push(...durations);
      p99[window] = quantile(
        durations.toSorted((a, b) => a - b),
        0.99,
      );
      flooded = { sent: flooded.sent + report.sent, refused: flooded.refused + report.refused };
    }
    growth.push((100 * (p99.beside - p99.alone)) / p99.alone);
  }
  const at = (window: keyof typeof found, share: number): string =>
    quantile(
      found[window].toSorted((a, b) => a - b),
      share,
    ).toFixed(1);
  const rows = (['alone', 'beside'] as const).map(
    (window) =>
      `| ${window} | ${found[window].length} | ${at(window, 0.5)} | ${at(window, 0.95)} | ${at(window, 0.99)} |`,
  );
  const seconds = (Number(values.pairs) * windowMs) / 1000;
  process.stdout.write(
    `the loud one: ${Math.round(flooded.sent / seconds)} requests a second, ${((100 * flooded.refused) / flooded.sent).toFixed(1)} % refused\n\n` +
      `| the quiet one | answers | p50 ms | p95 ms | p99 ms |\n| --- | ---: | ---: | ---: | ---: |\n${rows.join('\n')}\n\n`,
  );
  const { median, min, max } = spreadOf(growth);
  process.stdout.write(
    `its p99 grows by ${median.toFixed(1)} % (median of pairs, ${min.toFixed(1)} … ${max.toFixed(1)}); the bound is ${boundPercent} %\n`,
  );
  process.exitCode = median <= boundPercent ? 0 : 1;
} finally {
  for (const one of running.reverse()) await one.stop();
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
}
