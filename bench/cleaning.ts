// What cleaning costs those who are served: half of five million requests is deleted under 200 requests a second, beside a
// gateway that deletes nothing. Ends within the minutes that it is given, and says of each bound whether it held.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { seedLedger } from './ledger/seed.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { startProcess, type RunningProcess } from './lib/start-process.ts';
import { quantile } from './lib/statistics.ts';
import { drive, p99, type Phase } from './lib/steady-load.ts';

const launcher = fileURLToPath(new URL('../bin/aigateway.js', import.meta.url));
const dayMs = 86_400_000;
const key = 'sk-cleaning-000000000001';

/** The fake OpenAI's usual limit is less than the load: requests would wait for it. */
const unlimited = { rpm: 100_000_000, tpm: 100_000_000_000 };

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '5000000' },
    /** Where the seeded data is kept for the next time; otherwise it is deleted. */
    folder: { type: 'string' },
    /** How long is measured without cleaning, before and after. */
    seconds: { type: 'string', default: '60' },
    /** How long the cleaning may take; what is left then is not deleted, and the run has failed. */
    minutes: { type: 'string', default: '12' },
  },
});

/** What cleaning may add to the 99th percentile and to the memory, and the event loop's delay at any time. */
const bounds = { p99Ms: 20, mebibytes: 50, loopDelayMs: 20 };

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const agent = new Agent({ connections: 256, pipelining: 1 });

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
    await drive({ name: 'warm-up', gateway, dispatcher: agent, say, isOver: (seconds) => seconds > 5 });
    return await work(gateway);
  } finally {
    await gateway.stop();
  }
}

function table(phases: readonly Phase[]): string {
  const rows = phases.map(({ name, seconds, latenciesMs, failures, memoryMebibytes, loopDelaysMs }) => {
    const latencies = latenciesMs.toSorted((a, b) => a - b);
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
      quantile(
        loopDelaysMs.toSorted((a, b) => a - b),
        0.5,
      ).toFixed(1),
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

/** Each bound, and whether it held: the gateway that cleans beside the one that does not, in the same seconds. */
function verdicts(cleaning: Phase, beside: Phase): { readonly text: string; readonly isKept: boolean }[] {
  const p99Of = ({ latenciesMs }: Phase): number => p99(latenciesMs);
  const mostOf = ({ memoryMebibytes }: Phase): number => Math.max(...memoryMebibytes);
  const delayOf = ({ loopDelaysMs }: Phase): number => p99(loopDelaysMs);
  const rows: [what: string, is: number, below: number, beside: number][] = [
    ['the p99 of requests moved by, ms', p99Of(cleaning) - p99Of(beside), bounds.p99Ms, p99Of(beside)],
    ['the most memory moved by, MiB', mostOf(cleaning) - mostOf(beside), bounds.mebibytes, mostOf(beside)],
    [
      'p99 of the loop delay, in all but 1 % of the seconds, ms',
      delayOf(cleaning),
      bounds.loopDelayMs,
      delayOf(beside),
    ],
    ['requests failed', cleaning.failures, 1, beside.failures],
  ];
  return rows.map(([what, is, below, other]) => {
    const isKept = is < below;
    const words = `${what}: ${is.toFixed(1)}, bound: below ${below}; without cleaning it is ${other.toFixed(1)}`;
    return { text: `${isKept ? 'pass' : 'FAIL'}: ${words}`, isKept };
  });
}

const kept = options.folder ?? mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
const folder = mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
endOnSignal();
const other = mkdtempSync(join(tmpdir(), 'aigateway-cleaning-'));
process.once('exit', () => {
  for (const copy of [folder, other]) rmSync(copy, { recursive: true, force: true });
});
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
  for (const copy of [folder, other]) cpSync(join(kept, 'data'), copy, { recursive: true });
  const script = join(folder, 'script.json');
  writeFileSync(script, JSON.stringify(unlimited));
  fake = await start(['mock', '--port', '0', '--script', script], {});
  const upstream = fake.readyText;
  const calm = (name: string, of: string, isOver: (passed: number) => boolean): Promise<Phase> =>
    withGateway(of, 0, upstream, (gateway) => drive({ name, gateway, dispatcher: agent, isOver, say }));
  const before = await calm('before', other, (passed) => passed > seconds);
  const days = Math.round((Date.now() - (traffic.fromMs + traffic.toMs) / 2) / dayMs);
  const cutMs = Date.now() - days * dayMs;
  using database = new DatabaseSync(join(folder, 'aigateway.db'), { readOnly: true });
  const oldest = database.prepare('SELECT created_at_ms FROM requests ORDER BY id LIMIT 1');
  // The traffic is spread evenly: how far the oldest has moved says how much is deleted, and costs one row to read.
  const shareDeleted = (): number =>
    (Number(oldest.get()?.['created_at_ms']) - traffic.fromMs) / (cutMs - traffic.fromMs);
  let isClean = false;
  const clean = (): Promise<Phase> =>
    withGateway(folder, days, upstream, (gateway) => {
      let checked = 0;
      const isOver = (passed: number): boolean => {
        if (passed - checked >= 2) {
          checked = passed;
          isClean = shareDeleted() > 0.999;
        }
        return isClean || passed > Number(options.minutes) * 60;
      };
      const note = (): string => `, ${(100 * shareDeleted()).toFixed(1)} % of the old ones deleted`;
      return drive({ name: 'cleaning', gateway, dispatcher: agent, isOver, say, note });
    });
  // Another gateway over the same data, in the same seconds: what the machine does to the one it does to the other.
  let isOver = false;
  const [cleaning, beside] = await Promise.all([
    clean().finally(() => (isOver = true)),
    calm('beside', other, () => isOver),
  ]);
  const after = await calm('after', folder, (passed) => passed > seconds);
  const old = (traffic.requests * (cutMs - traffic.fromMs)) / (traffic.toMs - traffic.fromMs);
  const perSecondDeleted = (old * shareDeleted()) / cleaning.seconds;
  process.stdout.write(`${table([before, cleaning, beside, after])}\n\n`);
  process.stdout.write(
    `${isClean ? 'pass' : 'FAIL'}: ${(100 * shareDeleted()).toFixed(1)} % of ${old.toFixed(0)} old requests deleted in ${cleaning.seconds.toFixed(0)} s, ${perSecondDeleted.toFixed(0)} a second\n`,
  );
  const judged = verdicts(cleaning, beside);
  for (const { text } of judged) process.stdout.write(`${text}\n`);
  if (!isClean || judged.some(({ isKept }) => !isKept)) process.exitCode = 1;
} finally {
  await fake?.stop();
  await agent.close();
  if (options.folder === undefined) rmSync(kept, { recursive: true, force: true });
}
