// `npm run bench:guard`: fails when the gateway's CPU for a request or a chunk has grown against a bare passthrough.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { verdictOf, type Ratios, type Verdict } from './guard-rule.ts';
import { lanes } from './lanes.ts';
import { startCompanions, type Companions } from './lib/companions.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { shuffled } from './lib/statistics.ts';
import { subjects } from './subjects/registry.ts';
import type { RunningSubject } from './subjects/subject.ts';

const record = new URL('guard.json', import.meta.url);
const guarded = { request: lanes.whole, chunk: lanes.stream34 } as const;
const sets = 3;
const roundsPerSet = 3;
const windowMs = 400;
const warmUpMs = 100;
const attempts = 3;
const breakInMs = 1500;

async function drive(
  companions: Companions,
  { target, pids }: RunningSubject,
  lane: (typeof guarded)[keyof typeof guarded],
  ms: number,
): Promise<number> {
  const watched = { subject: pids, upstream: [companions.upstreamPid] };
  const report = await companions.perform({ ...lane, warmUpMs, windowMs: ms, target, watched });
  return (report.subjectCpuMs * 1000) / report.answers;
}

/** Measures until all is well, or has been measured often enough: the sets of all attempts count. */
async function judge(recorded: Readonly<Record<string, number>>): Promise<Verdict[]> {
  let ratios: Ratios = {};
  for (let attempt = 1; ; attempt += 1) {
    const found = await measure();
    ratios = Object.fromEntries(
      Object.entries(found).map(([name, more]) => [name, [...(ratios[name] ?? []), ...more]]),
    );
    const verdicts = verdictOf(ratios, recorded);
    if (attempt === attempts || verdicts.every(({ isOver }) => !isOver)) return verdicts;
    process.stdout.write('Too much at first; measuring again, for it may be the machine.\n');
  }
}

async function measure(): Promise<Ratios> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-guard-'));
  const companions = await startCompanions();
  const running: RunningSubject[] = [];
  try {
    const { upstreamPort } = companions;
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    for (const id of ['governed', 'passthrough'] as const) {
      const own = join(folder, id);
      mkdirSync(own);
      const parts = { upstream, upstreamPort, folder: own, cacheFolder: folder, nodeOptions: [] };
      running.push(await subjects[id].start(parts));
    }
    const [gateway, baseline] = running as [RunningSubject, RunningSubject];
    for (const subject of running)
      for (const lane of Object.values(guarded)) await drive(companions, subject, lane, breakInMs);
    const ratios: Record<keyof typeof guarded, number[][]> = { request: [], chunk: [] };
    for (const [name, lane] of Object.entries(guarded) as [keyof typeof guarded, (typeof guarded)['request']][]) {
      for (let set = 0; set < sets; set += 1) {
        const rounds: number[] = [];
        for (let round = 0; round < roundsPerSet; round += 1) {
          const cost = new Map<RunningSubject, number>();
          for (const subject of shuffled(running)) cost.set(subject, await drive(companions, subject, lane, windowMs));
          rounds.push((cost.get(gateway) ?? Number.NaN) / (cost.get(baseline) ?? Number.NaN));
        }
        ratios[name].push(rounds);
      }
    }
    return ratios;
  } finally {
    await Promise.all(running.map((subject) => subject.stop()));
    companions.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
endOnSignal();
// What is to be recorded is measured in all attempts, for nothing is good enough to end with the first.
const recorded = values.write ? {} : (JSON.parse(readFileSync(record, 'utf8')) as Record<string, number>);
const verdicts = await judge(recorded);
for (const { text } of verdicts) process.stdout.write(`${text}\n`);
if (values.write) {
  const ratios = Object.fromEntries(verdicts.map(({ name, ratio }) => [name, Math.round(ratio * 100) / 100]));
  writeFileSync(record, `${JSON.stringify(ratios, null, 2)}\n`);
  process.stdout.write('bench/guard.json written\n');
} else if (verdicts.some(({ isOver }) => isOver)) {
  process.stdout.write(
    'The gateway has become dearer. Find out why: npm run bench -- --profile FOLDER. Where that is wanted: npm run bench:guard -- --write\n',
  );
  process.exitCode = 1;
}
