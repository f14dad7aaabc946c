// What cleaning costs those who are served: half of five million requests is deleted under 200 requests a second. Ends within
// the minutes that it is given, and says of each bound whether it held.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { seedLedger } from './ledger/seed.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
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
    seconds: { type: 'string', default: '90' },
    /** How long the cleaning may take; what is left then is not deleted, and the run has failed. */
    minutes: { type: 'string', default: '12' },
  },
});

/** What cleaning may add to the 99th percentile and to the memory, and the event loop's delay at any time. */
const bounds = { p99Ms: 20, mebibytes: 50, loopDelayMs: 20 };
const tellEverySeconds = 15;

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

/** Sends at random moments (Poisson) until `isOver`; `note` adds to what is told of the progress. */
async function drive(
  name: string,
  gateway: RunningProcess,
  isOver: (seconds: number) => boolean,
  note: () => string = () => '',
): Promise<Phase> {
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
  let told = { ms: began, requests: 0 };
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
    if (sent - told.ms >= tellEverySeconds * 1000) {
      const lately = sorted(phase.latenciesMs.slice(told.requests));
      told = { ms: sent, requests: phase.latenciesMs.length };
      const megabytes = phase.memoryMebibytes.at(-1)?.toFixed(0) ?? '–';
      const passed = ((sent - began) / 1000).toFixed(0);
      say(`${name}: ${passed} s, p99 lately ${quantile(lately, 0.99).toFixed(1)} ms, ${megabytes} MiB${note()}`);
    }
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

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

const p99 = (values: readonly number[]): number => quantile(sorted(values), 0.99);

function table(phases: readonly Phase[]): string {
  const rows = phases.map(({ name, seconds, latenciesMs, failures, memoryMebibytes, loopDelaysMs }) => {
    const latencies = sorted(latenciesMs);
    const at = (share: number): string => quantile(latencies, share).toFixed(1);
    return [
      name,
      seconds.toFixed(0),
      latenciesMs.length,
      failures,
      at(0.5),
      at(0.95),
      at(0.99),
      (latencies.at(-1) ?? 0).toFixed(0),
      quantile(sorted(loopDelaysMs), 0.5).toFixed(1),
      p99(loopDelaysMs).toFixed(1),
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
    'longest ms',
    'loop p99 ms, median second',
    'loop p99 ms, 99 % of seconds',
    'least MiB',
    'most MiB',
  ];
  const lines = [head, head.map((_, n) => (n === 0 ? '---' : '---:')), ...rows];
  return lines.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** Each bound, and whether it held: cleaning beside the worse of before and after. */
function verdicts(calm: readonly Phase[], cleaning: Phase): { readonly text: string; readonly isKept: boolean }[] {
  const worst = (measure: (phase: Phase) => number): number => Math.max(...calm.map(measure));
  const p99Ms = p99(cleaning.latenciesMs) - worst(({ latenciesMs }) => p99(latenciesMs));
  const most = ({ memoryMebibytes }: Phase): number => Math.max(...memoryMebibytes);
  const mebibytes = most(cleaning) - worst(most);
  const delayMs = p99(cleaning.loopDelaysMs);
  const failures = [cleaning, ...calm].reduce((sum, phase) => sum + phase.failures, 0);
  const rows: [what: string, is: number, below: number][] = [
    ['the p99 of requests moved by, ms', p99Ms, bounds.p99Ms],
    ['the most memory moved by, MiB', mebibytes, bounds.mebibytes],
    ['p99 of the loop delay of all but 1 % of the seconds while cleaning, ms', delayMs, bounds.loopDelayMs],
    ['requests failed', failures, 1],
  ];
  return rows.map(([what, is, below]) => {
    const isKept = is < below;
    return { text: `${isKept ? 'pass' : 'FAIL'}: ${what}: ${is.toFixed(1)} (bound: below ${below})`, isKept };
  });
}

const kept = options.folder ?? mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
const folder = mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
endOnSignal();
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
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
  const cutMs = Date.now() - days * dayMs;
  using database = new DatabaseSync(join(folder, 'aigateway.db'), { readOnly: true });
  const oldest = database.prepare('SELECT created_at_ms FROM requests ORDER BY id LIMIT 1');
  // The traffic is spread evenly: how far the oldest has moved says how much is deleted, and costs one row to read.
  const shareDeleted = (): number =>
    (Number(oldest.get()?.['created_at_ms']) - traffic.fromMs) / (cutMs - traffic.fromMs);
  let isClean = false;
  await withGateway(folder, days, upstream, async (gateway) => {
    let checked = 0;
    const isOver = (passed: number): boolean => {
      if (passed - checked >= 2) {
        checked = passed;
        isClean = shareDeleted() > 0.999;
      }
      return isClean || passed > Number(options.minutes) * 60;
    };
    phases.push(
      await drive(
        'cleaning',
        gateway,
        isOver,
        () => `, ${(100 * shareDeleted()).toFixed(1)} % of the old ones deleted`,
      ),
    );
  });
  await calm('after');
  const [before, cleaning, after] = phases as [Phase, Phase, Phase];
  const old = (traffic.requests * (cutMs - traffic.fromMs)) / (traffic.toMs - traffic.fromMs);
  const perSecondDeleted = (old * shareDeleted()) / cleaning.seconds;
  process.stdout.write(`${table(phases)}\n\n`);
  process.stdout.write(
    `${isClean ? 'pass' : 'FAIL'}: ${(100 * shareDeleted()).toFixed(1)} % of ${old.toFixed(0)} old requests deleted in ${cleaning.seconds.toFixed(0)} s, ${perSecondDeleted.toFixed(0)} a second\n`,
  );
  const judged = verdicts([before, after], cleaning);
  for (const { text } of judged) process.stdout.write(`${text}\n`);
  if (!isClean || judged.some(({ isKept }) => !isKept)) process.exitCode = 1;
} finally {
  await fake?.stop();
  await agent.close();
  if (options.folder === undefined) rmSync(kept, { recursive: true, force: true });
}
