// `npm run bench:parts`: what limits, the ledger, Redis and PostgreSQL cost a request, with and without, window beside window.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../test/support/postgres.ts';
import { startRedis, type RedisServer } from '../test/support/redis.ts';
import type { Target } from './job.ts';
import { startCompanions, type Companions } from './lib/companions.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { floodBeside } from './lib/flood-beside.ts';
import { shuffled, spreadOf } from './lib/statistics.ts';
import { readSetting } from './report/machine.ts';
import { aigateway, governed, governedWith, withoutLedger } from './subjects/aigateway.ts';
import type { RunningSubject, Subject } from './subjects/subject.ts';

const connections = 32;
const warmUpMs = 100;
/** The compiler has the first seconds. */
const breakInMs = 2500;

/** Who is called, and whose time counts. */
interface Side {
  readonly target: Target;
  readonly pids: readonly number[];
}

/** CPU of a request, µs. */
interface Cost {
  readonly main: number;
  readonly all: number;
}

type Start = (subject: Subject) => Promise<RunningSubject>;

/** What a part is allowed to cost a request: µs of the main thread, or percent of the time of all threads. */
type Bound = { readonly micros: number } | { readonly percent: number };

interface Part {
  readonly bound: Bound;
  /** Who has the part, and who has not; `stores` ends what it opens. */
  readonly open: (
    start: Start,
    stores: AsyncDisposableStack,
  ) => Promise<readonly [on: Side, off: Side, redis?: RedisServer]>;
}

/** At this rate, for so long, commands of Redis are counted; and so many a request are allowed. */
const counting = { perSecond: 1000, durationMs: 10_000, mostCommands: 0.2 } as const;

const encryption = { AIGATEWAY_ENCRYPTION_KEY: `${'A'.repeat(43)}=` };

const parts: Readonly<Record<string, Part>> = {
  // One process: the same gateway is asked with a key that has every limit and a budget, and with one that has none.
  limits: {
    bound: { micros: 15 },
    async open(start) {
      const on = await start(governed);
      return [on, { ...on, target: { ...on.target, keys: [await freeKey(on.target)] } }];
    },
  },
  ledger: {
    bound: { micros: 15 },
    open: async (start) => [await start(aigateway), await start(withoutLedger)],
  },
  redis: {
    bound: { percent: 20 },
    async open(start, stores) {
      const redis = stores.use(await startRedis());
      return [await start(governedWith({ AIGATEWAY_REDIS_URL: redis.url })), await start(governed), redis];
    },
  },
  postgres: {
    bound: { percent: 20 },
    async open(start, stores) {
      const postgres = stores.use(await startPostgres());
      const environment = { ...encryption, AIGATEWAY_DATABASE_URL: await postgres.createDatabase() };
      return [await start(governedWith(environment)), await start(governed)];
    },
  },
};

/** Commands of Redis for each request at a steady rate, other traffic to it left out: there is none. */
async function commandsEach(target: Target, redis: RedisServer): Promise<number> {
  const commands = async (): Promise<number> =>
    Number(/^total_commands_processed:(\d+)/mu.exec(String(await redis.command('INFO', 'stats')))?.[1]);
  const { perSecond, durationMs } = counting;
  const before = await commands();
  const { sent } = await floodBeside({ target, model: 'gpt-bench-whole', connections, perSecond, durationMs });
  // Commands that scripts run are counted too.
  return ((await commands()) - before) / sent;
}

async function freeKey({ host, port }: Target): Promise<string> {
  const response = await fetch(`http://${host}:${port}/api/v1/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Without limits' }),
  });
  return ((await response.json()) as { key: string }).key;
}

async function drive(companions: Companions, { target, pids }: Side, windowMs: number): Promise<Cost> {
  const report = await companions.perform({
    kind: 'load',
    model: 'gpt-bench-whole',
    requestBytes: 0,
    target,
    connections,
    rampMs: 0,
    warmUpMs,
    windowMs,
    watched: { subject: pids, upstream: [companions.upstreamPid] },
  });
  return {
    main: (report.subjectMainCpuMs * 1000) / report.answers,
    all: (report.subjectCpuMs * 1000) / report.answers,
  };
}

async function measure(name: string, pairs: number, windowMs: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-parts-'));
  const companions = await startCompanions();
  const running: RunningSubject[] = [];
  const start: Start = async (subject) => {
    const own = join(folder, String(running.length));
    mkdirSync(own);
    const { upstreamPort } = companions;
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    const one = await subject.start({ upstream, upstreamPort, folder: own, cacheFolder: folder, nodeOptions: [] });
    running.push(one);
    return one;
  };
  await using stores = new AsyncDisposableStack();
  try {
    const part = parts[name];
    if (part === undefined) throw new Error(`there is no part "${name}"; there are ${Object.keys(parts).join(', ')}`);
    const [on, off, redis] = await part.open(start, stores);
    for (const side of [on, off]) await drive(companions, side, breakInMs);
    const differences: Cost[] = [];
    const without: Cost[] = [];
    for (let i = 0; i < pairs; i += 1) {
      const costs = new Map<Side, Cost>();
      for (const side of shuffled([on, off])) costs.set(side, await drive(companions, side, windowMs));
      const [withPart, bare] = [costs.get(on), costs.get(off)] as [Cost, Cost];
      differences.push({ main: withPart.main - bare.main, all: withPart.all - bare.all });
      without.push(bare);
    }
    const main = spreadOf(differences.map((cost) => cost.main));
    const all = spreadOf(differences.map((cost) => cost.all));
    const bare = { main: spreadOf(without.map((cost) => cost.main)), all: spreadOf(without.map((cost) => cost.all)) };
    const percent = (100 * all.median) / bare.all.median;
    const commands = redis === undefined ? undefined : await commandsEach(on.target, redis);
    process.stdout.write(
      `| ${name} | ${main.median.toFixed(1)} | ${main.min.toFixed(1)} … ${main.max.toFixed(1)} | ${all.median.toFixed(1)} | ${percent.toFixed(0)} | ${bare.main.median.toFixed(1)} | ${bare.all.median.toFixed(1)} | ${commands?.toFixed(4) ?? ''} |\n`,
    );
    const isCheap = 'micros' in part.bound ? main.median < part.bound.micros : percent <= part.bound.percent;
    return isCheap && (commands ?? 0) <= counting.mostCommands;
  } finally {
    for (const subject of running) await subject.stop();
    companions.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pairs: { type: 'string', default: '12' }, seconds: { type: 'string', default: '0.8' } },
});
endOnSignal();
const { date, cpu, cores, node, gateway, loadBefore } = readSetting({});
process.stdout.write(
  `${date}, ${cpu}, ${cores} cores, Node.js ${node}, aigateway ${gateway}, load before ${loadBefore}\n\n`,
);
process.stdout.write(
  'CPU of a request of 0.1 kB with the part less the same without it, µs: the median of all pairs of windows\n\n' +
    '| part | main thread | least … most | all threads | of all threads, % | main thread without it | all without it | commands of Redis |\n|' +
    ` --- |${' ---: |'.repeat(7)}\n`,
);
let isWithin = true;
for (const name of positionals.length > 0 ? positionals : Object.keys(parts))
  if (!(await measure(name, Number(values.pairs), Number(values.seconds) * 1000))) isWithin = false;
process.stdout.write(`\n${isWithin ? 'within all bounds' : 'over a bound'}\n`);
process.exitCode = isWithin ? 0 : 1;
