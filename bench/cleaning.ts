// What cleaning costs those who are served: half of five million requests is deleted under 200 requests a second.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { seedLedger } from './ledger/seed.ts';
import { startProcess, type RunningProcess } from './lib/start-process.ts';
import { quantile } from './lib/statistics.ts';

const launcher = fileURLToPath(new URL('../bin/aigateway.js', import.meta.url));
const perSecond = 200;
const dayMs = 86_400_000;
const key = 'sk-cleaning-000000000001';

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '5000000' },
    /** Where the seeded data is kept for the next time; otherwise it is deleted. */
    folder: { type: 'string' },
    /** How long is measured without cleaning, before and after. */
    seconds: { type: 'string', default: '60' },
  },
});

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const agent = new Agent({ connections: 256, pipelining: 1 });
const body = JSON.stringify({ model: 'gpt-4', messages: [{ role: 'user', content: 'hello' }] });

/** A stretch of load: what clients and the process have seen of it. */
interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
  readonly failures: number;
  readonly memoryMebibytes: readonly number[];
  /** The 99th percentile of each second. */
  readonly loopDelaysMs: readonly number[];
}

function environmentOf(folder: string, retentionDays: number): Record<string, string> {
  return {
    AIGATEWAY_PORT: '0',
    AIGATEWAY_DATA_DIR: folder,
    AIGATEWAY_REQUEST_RETENTION_DAYS: String(retentionDays),
    AIGATEWAY_LOG_LEVEL: 'warn',
  };
}

function start(args: readonly string[], env: Record<string, string>): Promise<RunningProcess> {
  return startProcess({
    command: process.execPath,
    args: [launcher, ...args],
    env,
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
}

function memoryOf(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

async function loopDelayOf(url: string): Promise<number> {
  const { body: text } = await request(`${url}/metrics`, { dispatcher: agent });
  const [, seconds = '0'] = /^nodejs_eventloop_lag_p99_seconds (\S+)$/mu.exec(await text.text()) ?? [];
  return Number(seconds) * 1000;
}

/** Sends at random moments (Poisson) until `isOver`. */
async function drive(name: string, gateway: RunningProcess, isOver: (seconds: number) => boolean): Promise<Phase> {
  const url = gateway.readyText;
  const phase = {
    name,
    seconds: 0,
    latenciesMs: [] as number[],
    failures: 0,
    memoryMebibytes: [] as number[],
    loopDelaysMs: [] as number[],
  };
  const began = performance.now();
  const running = new Set<Promise<void>>();
  let nextMs = began;
  let looked = began;
  while (!isOver((performance.now() - began) / 1000)) {
    nextMs += (-Math.log(1 - Math.random()) * 1000) / perSecond;
    await sleep(Math.max(0, nextMs - performance.now()));
    const sent = performance.now();
    const one = request(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      dispatcher: agent,
    }).then(
      async ({ statusCode, body: answer }) => {
        await answer.dump();
        phase.latenciesMs.push(performance.now() - sent);
        if (statusCode !== 200) phase.failures += 1;
      },
      () => void (phase.failures += 1),
    );
    running.add(one);
    void one.finally(() => running.delete(one));
    if (sent - looked < 1000) continue;
    looked = sent;
    phase.memoryMebibytes.push(memoryOf(gateway.pid));
    const look = loopDelayOf(url).then((ms) => void phase.loopDelaysMs.push(ms));
    running.add(look);
    void look.finally(() => running.delete(look));
  }
  await Promise.all(running);
  return { ...phase, seconds: (performance.now() - began) / 1000 };
}

async function withGateway<Result>(
  folder: string,
  days: number,
  upstream: string,
  work: (gateway: RunningProcess) => Promise<Result>,
): Promise<Result> {
  const gateway = await start(['serve'], environmentOf(folder, days));
  const manage = async (method: 'PATCH' | 'POST', path: string, content: unknown): Promise<void> => {
    const { statusCode, body: text } = await request(`${gateway.readyText}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(content),
      dispatcher: agent,
    });
    if (statusCode >= 300) throw new Error(`${path} → ${statusCode} ${await text.text()}`);
    await text.dump();
  };
  try {
    await manage('PATCH', 'providers/openai', { base_url: upstream });
    await manage('POST', 'accounts', { provider_id: 'openai', label: 'One', auth_data: { api_key: key } });
    // The first seconds belong to the compiler.
    await drive('warm-up', gateway, (seconds) => seconds > 5);
    return await work(gateway);
  } finally {
    await gateway.stop();
  }
}

function print(phases: readonly Phase[]): void {
  const rows = phases.map(({ name, seconds, latenciesMs, failures, memoryMebibytes, loopDelaysMs }) => {
    const sorted = latenciesMs.toSorted((a, b) => a - b);
    const delays = loopDelaysMs.toSorted((a, b) => a - b);
    const at = (share: number): string => quantile(sorted, share).toFixed(1);
    return [
      name,
      seconds.toFixed(0),
      latenciesMs.length,
      failures,
      at(0.5),
      at(0.95),
      at(0.99),
      quantile(delays, 0.5).toFixed(1),
      quantile(delays, 0.99).toFixed(1),
      Math.min(...memoryMebibytes).toFixed(0),
      Math.max(...memoryMebibytes).toFixed(0),
    ];
  });
  const head = [
    '',
    's',
    'requests',
    'failed',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'loop p99 ms, median second',
    'loop p99 ms, 99 % of seconds',
    'least MiB',
    'most MiB',
  ];
  process.stdout.write(
    `${[head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`,
  );
}

const kept = options.folder ?? mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
const folder = mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
const seconds = Number(options.seconds);
let fake: RunningProcess | undefined;
try {
  const hourMs = 3_600_000;
  const toMs = Math.floor(Date.now() / hourMs) * hourMs;
  const traffic = await seedLedger(
    join(kept, 'data'),
    { requests: Number(options.requests), fromMs: toMs - 90 * dayMs, toMs, models: 20, accounts: 10, keys: 50 },
    say,
  );
  cpSync(join(kept, 'data'), folder, { recursive: true });
  fake = await start(['mock', '--port', '0'], {});
  const upstream = fake.readyText;
  const phases: Phase[] = [];
  const calm = (name: string): Promise<number> =>
    withGateway(folder, 0, upstream, async (gateway) =>
      phases.push(await drive(name, gateway, (passed) => passed > seconds)),
    );
  await calm('before');
  const days = Math.round((Date.now() - (traffic.fromMs + traffic.toMs) / 2) / dayMs);
  const database = new DatabaseSync(join(folder, 'aigateway.db'), { readOnly: true });
  const oldest = database.prepare('SELECT created_at_ms FROM requests ORDER BY id LIMIT 1');
  const count = (): number => Number(database.prepare('SELECT count(*) AS n FROM requests').get()?.['n']);
  const atFirst = count();
  await withGateway(folder, days, upstream, async (gateway) => {
    let checked = 0;
    let isClean = false;
    const phase = await drive('cleaning', gateway, (passed) => {
      if (passed - checked < 2) return isClean;
      checked = passed;
      isClean = Number(oldest.get()?.['created_at_ms']) > Date.now() - days * dayMs - 60_000;
      return isClean;
    });
    phases.push(phase);
    say(`deleted ${atFirst + phase.latenciesMs.length - count()} requests or more`);
  });
  database.close();
  await calm('after');
  print(phases);
} finally {
  await fake?.stop();
  await agent.close();
  rmSync(folder, { recursive: true, force: true });
  if (options.folder === undefined) rmSync(kept, { recursive: true, force: true });
}
