// How quickly the ledger answers: a gateway over five million requests is asked every kind of question, over HTTP.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { requestQuestions, usageQuestions, type Question } from './ledger/questions.ts';
import { seedLedger } from './ledger/seed.ts';
import { startProcess } from './lib/start-process.ts';
import { quantile, shuffled } from './lib/statistics.ts';

const launcher = fileURLToPath(new URL('../bin/aigateway.js', import.meta.url));
const goalMs = 300;
const pagesDeep = 30;

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '5000000' },
    /** Where the data is kept for the next time; otherwise it is deleted. */
    folder: { type: 'string' },
    runs: { type: 'string', default: '10' },
  },
});

const agent = new Agent({ connections: 1 });
const hourMs = 3_600_000;
const toMs = Math.floor(Date.now() / hourMs) * hourMs;
const count = Number(options.requests);
const runs = Number(options.runs);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Asked {
  readonly url: string;
  readonly pid: number;
}

interface Answer {
  readonly ms: number;
  /** What all threads of the gateway have worked meanwhile: what the time would be were the machine idle. */
  readonly cpuMs: number;
  readonly cursor: string | null;
}

/** Linux alone counts the work of each thread to the nanosecond. */
function workedMs(pid: number): number {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const worked = tasks.map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return worked.reduce((sum, ns) => sum + ns, 0) / 1e6;
  } catch {
    return Number.NaN;
  }
}

async function ask({ url, pid }: Asked, path: string): Promise<Answer> {
  const workedBefore = workedMs(pid);
  const began = performance.now();
  const { statusCode, body } = await request(`${url}/api/v1${path}`, { dispatcher: agent });
  const text = await body.text();
  const ms = performance.now() - began;
  const cpuMs = workedMs(pid) - workedBefore;
  if (statusCode !== 200) throw new Error(`${path} → ${statusCode} ${text}`);
  return { ms, cpuMs, cursor: (JSON.parse(text) as { next_cursor: string | null }).next_cursor };
}

/** The same questions, many pages on: those that have so many. */
async function deepQuestions(gateway: Asked, questions: readonly Question[]): Promise<Question[]> {
  const deep: Question[] = [];
  for (const question of questions) {
    let cursor: string | null = null;
    let page = 0;
    for (; page < pagesDeep; page += 1) {
      const next: Answer = await ask(gateway, cursor === null ? question.path : `${question.path}&cursor=${cursor}`);
      if (next.cursor === null) break;
      cursor = next.cursor;
    }
    if (page > 1 && cursor !== null)
      deep.push({ ...question, path: `${question.path}&cursor=${cursor}`, column: 'deep page' });
  }
  return deep;
}

/** Going deep takes long, so one question of a kind must do. */
function onePerRow(questions: readonly Question[]): Question[] {
  return [...new Map(questions.map((question) => [question.row, question])).values()];
}

/** Question → its times, asked in random order. */
async function measure(gateway: Asked, questions: readonly Question[]): Promise<Map<Question, Answer[]>> {
  const times = new Map(questions.map((question): [Question, Answer[]] => [question, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const question of shuffled(questions)) times.get(question)?.push(await ask(gateway, question.path));
    say(`${run + 1} of ${runs} times ${questions.length} questions`);
  }
  return times;
}

type Measure = 'ms' | 'cpuMs';

function p95(answers: readonly Answer[], measure: Measure): number {
  const times = answers.map((answer) => answer[measure]);
  return quantile(
    times.toSorted((a, b) => a - b),
    0.95,
  );
}

/** The slowest question of each cell, by its 95th percentile. */
function table(title: string, times: ReadonlyMap<Question, readonly Answer[]>): string {
  const questions = [...times.keys()];
  const columns = [...new Set(questions.map(({ column }) => column))];
  const rows = [...new Set(questions.map(({ row }) => row))];
  const cell = (row: string, column: string): string => {
    const found = questions.filter((question) => question.row === row && question.column === column);
    if (found.length === 0) return '–';
    const slowest = (measure: Measure): string =>
      Math.max(...found.map((question) => p95(times.get(question) ?? [], measure))).toFixed(0);
    return `${slowest('ms')} (${slowest('cpuMs')})`;
  };
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line([title, ...columns]),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map((row) => line([row, ...columns.map((column) => cell(row, column))])),
  ].join('\n');
}

/** All answers of a kind of question: the median, the 95th percentile and the longest, in ms and of the processor's work. */
function summary(kind: string, times: ReadonlyMap<Question, readonly Answer[]>): string {
  const answers = [...times.values()].flat();
  const of = (measure: Measure): string => {
    const sorted = answers.map((answer) => answer[measure]).toSorted((a, b) => a - b);
    return [0.5, 0.95, 1].map((share) => quantile(sorted, share).toFixed(1)).join(' / ');
  };
  return `${kind}: ${times.size} questions, p50 / p95 / longest: ${of('ms')} ms, of work ${of('cpuMs')} ms`;
}

const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'aigateway-reports-'));
try {
  const traffic = { requests: count, fromMs: toMs - 90 * 24 * hourMs, toMs, models: 20, accounts: 10, keys: 50 };
  const seeded = await seedLedger(join(folder, 'data'), traffic, say);
  const gateway = await startProcess({
    command: process.execPath,
    args: [launcher, 'serve'],
    env: { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: join(folder, 'data'), AIGATEWAY_REQUEST_RETENTION_DAYS: '0' },
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
  try {
    const asked = { url: gateway.readyText, pid: gateway.pid };
    const usage = usageQuestions(seeded);
    const requests = requestQuestions(seeded);
    const deepUsage = await deepQuestions(asked, onePerRow(usage.filter(({ column }) => column === '90 d')));
    const deepRequests = await deepQuestions(asked, onePerRow(requests.filter(({ column }) => column === 'all')));
    const usageTimes = await measure(asked, [...usage, ...deepUsage]);
    const requestTimes = await measure(asked, [...requests, ...deepRequests]);
    process.stdout.write(`${table('/usage grouped by', usageTimes)}\n\n${table('/requests by', requestTimes)}\n\n`);
    process.stdout.write(`${summary('/usage', usageTimes)}\n${summary('/requests', requestTimes)}\n`);
    const all = [...usageTimes, ...requestTimes];
    const over = (measure: Measure): number => all.filter(([, answers]) => p95(answers, measure) >= goalMs).length;
    process.stdout.write(
      `95th percentile in ms over ${runs} runs, and of the processor's work; the slowest question of each cell. ${all.length} questions, ${over('ms')} of them at ${goalMs} ms or more, ${over('cpuMs')} by their work.\n`,
    );
    for (const measure of ['ms', 'cpuMs'] as const) {
      const [slowest] = all.toSorted(([, a], [, b]) => p95(b, measure) - p95(a, measure));
      if (slowest !== undefined)
        process.stdout.write(`slowest by ${measure}: ${p95(slowest[1], measure).toFixed(0)} ${slowest[0].path}\n`);
    }
  } finally {
    await gateway.stop();
  }
} finally {
  await agent.close();
  if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
