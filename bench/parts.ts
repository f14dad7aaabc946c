// `npm run bench:parts`: what the limits of a client key and what the ledger cost a request, with and without, window beside window.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Target } from './job.ts';
import { startCompanions, type Companions } from './lib/companions.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { shuffled, spreadOf } from './lib/statistics.ts';
import { readSetting } from './report/machine.ts';
import { aigateway, governed, withoutLedger } from './subjects/aigateway.ts';
import type { RunningSubject, Subject } from './subjects/subject.ts';

/** So much is a part allowed to cost, µs of the main thread a request. */
const boundMicros = 15;
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

/** Part → who has it, and who has not. */
const parts: Readonly<Record<string, (start: Start) => Promise<readonly [on: Side, off: Side]>>> = {
  // One process: the same gateway is asked with a key that has every limit and a budget, and with one that has none.
  async limits(start) {
    const on = await start(governed);
    return [on, { ...on, target: { ...on.target, keys: [await freeKey(on.target)] } }];
  },
  async ledger(start) {
    return [await start(aigateway), await start(withoutLedger)];
  },
};

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
  try {
    const [on, off] = (await parts[name]?.(start)) ?? [];
    if (on === undefined || off === undefined)
      throw new Error(`there is no part "${name}"; there are ${Object.keys(parts).join(', ')}`);
    for (const side of [on, off]) await drive(companions, side, breakInMs);
    const differences: Cost[] = [];
    const without: number[] = [];
    for (let i = 0; i < pairs; i += 1) {
      const costs = new Map<Side, Cost>();
      for (const side of shuffled([on, off])) costs.set(side, await drive(companions, side, windowMs));
      const [withPart, bare] = [costs.get(on), costs.get(off)] as [Cost, Cost];
      differences.push({ main: withPart.main - bare.main, all: withPart.all - bare.all });
      without.push(bare.main);
    }
    const main = spreadOf(differences.map((cost) => cost.main));
    const all = spreadOf(differences.map((cost) => cost.all));
    process.stdout.write(
      `| ${name} | ${main.median.toFixed(1)} | ${main.min.toFixed(1)} … ${main.max.toFixed(1)} | ${all.median.toFixed(1)} | ${spreadOf(without).median.toFixed(1)} |\n`,
    );
    return main.median < boundMicros;
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
    '| part | main thread | least … most | all threads | main thread without it |\n| --- | ---: | ---: | ---: | ---: |\n',
);
let isWithin = true;
for (const name of positionals.length > 0 ? positionals : Object.keys(parts))
  if (!(await measure(name, Number(values.pairs), Number(values.seconds) * 1000))) isWithin = false;
process.stdout.write(`\n${isWithin ? 'within' : 'over'} the bound of ${boundMicros} µs of the main thread\n`);
process.exitCode = isWithin ? 0 : 1;
