// `npm run bench:growth`: what many connections, streams, accounts, client keys and large requests cost a governed gateway.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { lanes, type LoadLane } from './lanes.ts';
import { openAccounting, type Accounting } from './lib/accounting.ts';
import { startCompanions, type Companions } from './lib/companions.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { shuffled, spreadOf } from './lib/statistics.ts';
import { readSetting } from './report/machine.ts';
import { writeBlock } from './report/results.ts';
import { startGateway, type Setup } from './subjects/aigateway.ts';
import type { RunningSubject } from './subjects/subject.ts';

const usage = `Usage: npm run bench:growth -- [options]

  --cases A,B   only these of: bodies, streams, connections, many
  --seconds N   length of the load of the case "bodies" (60)
  --rounds N    how often costs are measured and compared (7)
  --write       put the table into docs/performance.md
`;

const memoryEveryMs = 100;
const restMs = 60_000;
const windowMs = 1500;
/** V8 goes on compiling for so long; who is compared has to have it behind itself. */
const breakInMs = 10_000;
const mebibyte = 2 ** 20;

/** One line of the table. */
interface Row {
  readonly title: string;
  readonly value: string;
  readonly bound: string;
  readonly holds: boolean;
}

/** What a case works with. */
interface Ground {
  readonly companions: Companions;
  readonly accounting: Accounting;
  readonly seconds: number;
  readonly rounds: number;
  /** Starts a gateway that ends with the case. */
  start(setup: Setup): Promise<RunningSubject>;
}

/** Drives a gateway and looks at its memory meanwhile. */
async function drive(
  { companions, accounting }: Ground,
  { target, pids }: RunningSubject,
  lane: LoadLane,
  ms: number,
): Promise<{ cpuUs: number; mostBytes: number; answers: number }> {
  let mostBytes = 0;
  const timer = setInterval(() => (mostBytes = Math.max(mostBytes, accounting.residentBytes(pids))), memoryEveryMs);
  try {
    const watched = { subject: pids, upstream: [companions.upstreamPid] };
    const report = await companions.perform({ ...lane, windowMs: ms, target, watched });
    return { cpuUs: (report.subjectCpuMs * 1000) / report.answers, mostBytes, answers: report.wholeAnswers };
  } finally {
    clearInterval(timer);
  }
}

async function bodies(ground: Ground): Promise<Row[]> {
  const gateway = await ground.start({ accounts: 1, clientKeys: 1 });
  const idleBytes = ground.accounting.residentBytes(gateway.pids);
  const lane: LoadLane = { ...lanes.body150, connections: 1500, rampMs: 3000, warmUpMs: 3000 };
  const { mostBytes, answers } = await drive(ground, gateway, lane, ground.seconds * 1000);
  await sleep(restMs);
  const restedBytes = ground.accounting.residentBytes(gateway.pids);
  const title = `150 kB from 1,500 connections, ${ground.seconds} s`;
  return [
    memoryRow('Memory, idle', idleBytes, 90),
    memoryRow(`${title} (${answers.toLocaleString('en-US')} requests): memory, the most`, mostBytes, 600),
    memoryRow(`${title}: memory, a minute after`, restedBytes, 150),
  ];
}

async function streams(ground: Ground): Promise<Row[]> {
  const gateway = await ground.start({ accounts: 1, clientKeys: 1 });
  const lane: LoadLane = { ...lanes.paced, model: 'gpt-bench-slow', connections: 3000, rampMs: 3000, warmUpMs: 3000 };
  const { mostBytes, answers } = await drive(ground, gateway, lane, 10_000);
  const title = '3,000 paced streams at once';
  return [
    { title: `${title}: whole`, value: answers.toLocaleString('en-US'), bound: 'all', holds: answers >= 3000 },
    memoryRow(`${title}: memory, the most`, mostBytes, 300),
  ];
}

async function connections(ground: Ground): Promise<Row[]> {
  const gateway = await ground.start({ accounts: 1, clientKeys: 1 });
  const warm = await drive(ground, gateway, lanes.whole, breakInMs);
  const ratio = await compare(ground, [
    () => drive(ground, gateway, lanes.whole, windowMs),
    () => drive(ground, gateway, lanes.whole512, windowMs),
  ]);
  return [
    memoryRow('64 connections: memory, the most', warm.mostBytes, 130),
    ratioRow('CPU per request, 512 connections against 64', ratio, 1.3),
  ];
}

async function many(ground: Ground): Promise<Row[]> {
  const one = await ground.start({ accounts: 1, clientKeys: 1 });
  const rows: Row[] = [];
  for (const [title, setup] of [
    ['1,000 accounts against 1', { accounts: 1000, clientKeys: 1 }],
    ['10,000 client keys against 1', { accounts: 1, clientKeys: 10_000 }],
  ] as const) {
    const full = await ground.start(setup);
    for (const gateway of [one, full]) await breakIn(ground, gateway);
    const ratio = await compare(ground, [
      () => drive(ground, one, lanes.whole, windowMs),
      () => drive(ground, full, lanes.whole, windowMs),
    ]);
    rows.push(ratioRow(`CPU per request, ${title}`, ratio, 1.2));
    await full.stop();
  }
  return rows;
}

/** Drives a gateway until its code is compiled and each of its keys has been used: what is compared is what lasts. */
async function breakIn(ground: Ground, gateway: RunningSubject): Promise<void> {
  const { answers } = await drive(ground, gateway, lanes.whole, breakInMs);
  if (answers >= gateway.target.keys.length) return;
  // The keys are used one after another, and each window begins with the first.
  const windowMsForAll = (1.5 * breakInMs * gateway.target.keys.length) / answers;
  await drive(ground, gateway, lanes.whole, windowMsForAll);
}

/** The second one's CPU divided by the first one's, in each round. */
async function compare(
  { rounds }: Ground,
  pair: readonly [() => Promise<{ cpuUs: number }>, () => Promise<{ cpuUs: number }>],
): Promise<number[]> {
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const found = [0, 0];
    for (const i of shuffled([0, 1] as const)) found[i] = (await pair[i]()).cpuUs;
    ratios.push((found[1] ?? Number.NaN) / (found[0] ?? Number.NaN));
  }
  return ratios;
}

function memoryRow(title: string, bytes: number, boundMebibytes: number): Row {
  const value = bytes / mebibyte;
  return { title, value: `${value.toFixed(0)} MiB`, bound: `${boundMebibytes} MiB`, holds: value < boundMebibytes };
}

function ratioRow(title: string, ratios: readonly number[], bound: number): Row {
  const { median, min, max } = spreadOf(ratios);
  const value = `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
  return { title, value, bound: bound.toFixed(2), holds: median <= bound };
}

/** Case → how it is measured. */
const cases: Readonly<Record<string, (ground: Ground) => Promise<Row[]>>> = { bodies, streams, connections, many };

async function measure(id: string, seconds: number, rounds: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-growth-'));
  const companions = await startCompanions();
  const started: RunningSubject[] = [];
  const { upstreamPort } = companions;
  const start = async (setup: Setup): Promise<RunningSubject> => {
    const own = join(folder, String(started.length));
    mkdirSync(own);
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    const parts = { upstream, upstreamPort, folder: own, cacheFolder: folder, nodeOptions: [] };
    const running = await startGateway(parts, setup);
    started.push(running);
    await sleep(1000);
    return running;
  };
  try {
    process.stderr.write(`${id}\n`);
    return (await cases[id]?.({ companions, accounting: openAccounting(), seconds, rounds, start })) ?? [];
  } catch (error) {
    return [{ title: id, value: (error as Error).message, bound: 'no failure', holds: false }];
  } finally {
    await Promise.all(started.map((gateway) => gateway.stop()));
    companions.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: Object.keys(cases).join(',') },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '7' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
endOnSignal();
if (values.help) {
  process.stdout.write(usage);
} else {
  const { date, gateway, node, cpu, cores, loadBefore } = readSetting({});
  const rows: Row[] = [];
  for (const id of values.cases.split(','))
    rows.push(...(await measure(id, Number(values.seconds), Number(values.rounds))));
  const text = `| | measured | bound | |
| --- | --: | --: | --- |
${rows.map(({ title, value, bound, holds }) => `| ${title} | ${value} | ${bound} | ${holds ? 'holds' : 'does not hold'} |`).join('\n')}

${date}, aigateway ${gateway}, Node.js ${node}, ${cpu}, ${cores} cores, load before ${loadBefore}.
`;
  process.stdout.write(text);
  if (values.write) writeBlock('docs/performance.md', 'growth', text);
}
