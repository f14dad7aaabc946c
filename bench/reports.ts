// How quickly the ledger answers: a gateway over five million requests is asked every kind of question, over HTTP.
import { mkdtempSync, rmSync } from 'node:fs';
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

interface Answer {
  readonly ms: number;
  readonly cursor: string | null;
}

async function ask(url: string, path: string): Promise<Answer> {
  const began = performance.now();
  const { statusCode, body } = await request(`${url}/api/v1${path}`, { dispatcher: agent });
  const text = await body.text();
  const ms = performance.now() - began;
  if (statusCode !== 200) throw new Error(`${path} → ${statusCode} ${text}`);
  return { ms, cursor: (JSON.parse(text) as { next_cursor: string | null }).next_cursor };
}

/** The same questions, many pages on: those that have so many. */
async function deepQuestions(url: string, questions: readonly Question[]): Promise<Question[]> {
  const deep: Question[] = [];
  for (const question of questions) {
    let cursor: string | null = null;
    let page = 0;
    for (; page < pagesDeep; page += 1) {
      const next: Answer = await ask(url, cursor === null ? question.path : `${question.path}&cursor=${cursor}`);
      if (next.cursor === null) break;
      cursor = next.cursor;
    }
    if (page > 1 && cursor !== null)
      deep.push({ ...question, path: `${question.path}&cursor=${cursor}`, column: 'deep page' });
  }
  return deep;
}

/** Question → its times, asked in random order. */
async function measure(url: string, questions: readonly Question[]): Promise<Map<Question, number[]>> {
  const times = new Map(questions.map((question): [Question, number[]] => [question, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const question of shuffled(questions)) times.get(question)?.push((await ask(url, question.path)).ms);
    say(`${run + 1} of ${runs} times ${questions.length} questions`);
  }
  return times;
}

const p95 = (times: readonly number[]): number =>
  quantile(
    times.toSorted((a, b) => a - b),
    0.95,
  );

/** The slowest question of each cell, by its 95th percentile. */
function table(title: string, times: ReadonlyMap<Question, readonly number[]>): string {
  const questions = [...times.keys()];
  const columns = [...new Set(questions.map(({ column }) => column))];
  const rows = [...new Set(questions.map(({ row }) => row))];
  const cell = (row: string, column: string): string => {
    const found = questions.filter((question) => question.row === row && question.column === column);
    return found.length === 0 ? '–' : Math.max(...found.map((question) => p95(times.get(question) ?? []))).toFixed(0);
  };
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line([title, ...columns]),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map((row) => line([row, ...columns.map((column) => cell(row, column))])),
  ].join('\n');
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
    const url = gateway.readyText;
    const usage = usageQuestions(seeded);
    const requests = requestQuestions(seeded);
    const deepUsage = await deepQuestions(
      url,
      usage.filter(({ column }) => column === '90 d'),
    );
    const deepRequests = await deepQuestions(
      url,
      requests.filter(({ column }) => column === 'all'),
    );
    const usageTimes = await measure(url, [...usage, ...deepUsage]);
    const requestTimes = await measure(url, [...requests, ...deepRequests]);
    process.stdout.write(`${table('/usage grouped by', usageTimes)}\n\n${table('/requests by', requestTimes)}\n\n`);
    const all = [...usageTimes, ...requestTimes].map(([{ path }, times]) => ({ path, ms: p95(times) }));
    const slow = all.filter(({ ms }) => ms >= goalMs);
    all.sort((a, b) => b.ms - a.ms);
    process.stdout.write(
      `95th percentile of each question in ms over ${runs} runs; the slowest question of each cell. ${all.length} questions, ${slow.length} at ${goalMs} ms or more.\n`,
    );
    for (const { path, ms } of all.slice(0, 5)) process.stdout.write(`${ms.toFixed(0)} ms ${path}\n`);
  } finally {
    await gateway.stop();
  }
} finally {
  await agent.close();
  if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
