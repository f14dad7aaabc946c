// `npm run bench`: measures the gateway beside its peers and beside the same calls made straight to the upstream.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { laneIds, lanes as laneTable, type LaneId } from './lanes.ts';
import { openAccounting } from './lib/accounting.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { startCompanions } from './lib/companions.ts';
import { readSetting } from './report/machine.ts';
import { companionText, reportText } from './report/markdown.ts';
import { writeReports, writeResults } from './report/results.ts';
import { defaultCacheFolder } from './subjects/peers.ts';
import { subjectIds, subjects as subjectTable, usualSubjectIds, type SubjectId } from './subjects/registry.ts';
import type { Subject } from './subjects/subject.ts';
import { runTrial, type Failure, type Measured } from './trial.ts';

const usage = `Usage: npm run bench -- [options]

  --seconds N       length of each measurement (1.5)
  --trials N        how often everything is measured (5)
  --lanes A,B       only these of: ${laneIds.join(', ')}
  --subjects A,B    only these of: ${subjectIds.join(', ')}
  --rest-seconds N  from the last load to the last look at the memory (60)
  --cache FOLDER    where peers are installed (${defaultCacheFolder()})
  --write           put tables and plots into README.md and docs/
  --profile FOLDER  take CPU profiles of the gateway instead; "node bench/profile.ts FOLDER" reads them
`;

/** What starting and breaking in a subject takes at most, as a rule, and what ending a lane takes. */
const startMs = 15_000;
const laneEndMs = 700;

/** What one run does. */
interface Options {
  readonly windowMs: number;
  readonly restMs: number;
  readonly trials: number;
  readonly lanes: readonly LaneId[];
  readonly subjects: readonly SubjectId[];
  readonly cacheFolder: string;
  readonly isWriting: boolean;
  readonly profileFolder: string | undefined;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '1.5' },
      'rest-seconds': { type: 'string', default: '60' },
      cache: { type: 'string', default: defaultCacheFolder() },
      trials: { type: 'string', default: '5' },
      lanes: { type: 'string', default: laneIds.join(',') },
      subjects: { type: 'string', default: usualSubjectIds.join(',') },
      write: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    windowMs: positive('--seconds', values.seconds) * 1000,
    restMs: positive('--rest-seconds', values['rest-seconds']) * 1000,
    cacheFolder: resolve(values.cache),
    trials: positive('--trials', values.trials),
    lanes: chosen('--lanes', values.lanes, laneIds),
    subjects: chosen('--subjects', values.subjects, subjectIds),
    isWriting: values.write,
    profileFolder: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new Error(`${option} must be a number above 0, not "${text}"`);
}

function chosen<Id extends string>(option: string, text: string, all: readonly Id[]): Id[] {
  const names = text.split(',');
  const unknown = names.find((name) => !all.some((id) => id === name));
  if (unknown !== undefined) throw new Error(`${option} takes ${all.join(', ')}, not "${unknown}"`);
  return all.filter((id) => names.includes(id));
}

/** Only a complete run is kept: a part of one shall not take the place of a whole. */
function isComplete({ lanes, subjects }: Options): boolean {
  return lanes.join() === laneIds.join() && subjects.join() === usualSubjectIds.join();
}

/** Peer → the version that is measured; missing ones are named on the way. */
function findVersions({ subjects, cacheFolder }: Options): { versions: Record<string, string>; missing: SubjectId[] } {
  const versions: Record<string, string> = {};
  const missing: SubjectId[] = [];
  for (const id of subjects) {
    const subject: Subject = subjectTable[id];
    if (subject.version === undefined) continue;
    const version = subject.version(cacheFolder);
    if (version === undefined) missing.push(id);
    else versions[subject.title] = version;
  }
  return { versions, missing };
}

/** A bound for the whole run: what it takes when nothing fails, and a minute for what does. */
function longestMinutes({ lanes, trials, windowMs, restMs }: Options, present: readonly SubjectId[]): number {
  const trialMs = present
    .map((id): Subject => subjectTable[id])
    .flatMap(({ slowness = 1 }) => [
      startMs,
      ...lanes.map((id) => laneTable[id].warmUpMs + windowMs * slowness + laneEndMs),
    ])
    .reduce((sum, ms) => sum + ms, 0);
  return Math.ceil((trials * trialMs + restMs + 60_000) / 60_000);
}

async function measure(options: Options, subjects: readonly SubjectId[], failures: Failure[]): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const companions = await startCompanions();
  const accounting = openAccounting();
  const startedAtMs = performance.now();
  const say = (text: string): boolean =>
    process.stderr.write(`${((performance.now() - startedAtMs) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
  const { trials, profileFolder } = options;
  const nodeOptions = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  try {
    const results: Promise<Measured>[] = [];
    for (let number = 1; number <= trials; number += 1) {
      const parts = { ...options, number, subjects, folder, companions, accounting, nodeOptions, failures, say };
      results.push(...(await runTrial(parts)));
    }
    return await Promise.all(results);
  } finally {
    companions.stop();
  }
}

async function run(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  if (options.isWriting && (options.profileFolder !== undefined || !isComplete(options)))
    throw new Error('--write needs a complete run: all lanes, all subjects, no profile');
  const { versions, missing } = findVersions(options);
  const present = options.subjects.filter((id) => !missing.includes(id));
  for (const id of missing)
    process.stderr.write(`${subjectTable[id].title}: missing; npm run bench:peers -- --install\n`);
  process.stderr.write(
    `${options.trials} trials of ${options.lanes.length} lanes through ${present.length} subjects: at most ${longestMinutes(options, present)} minutes\n`,
  );
  const setting = readSetting(versions);
  const failures: Failure[] = [];
  const all = await measure(options, present, failures);
  const report = { setting, measured: all, columns: options.subjects, lanes: options.lanes, missing, failures };
  process.stdout.write(`\n${reportText(report)}\n${companionText(report)}\n`);
  if (options.profileFolder !== undefined || !isComplete(options)) return;
  process.stdout.write(`${writeResults(report)} written\n`);
  if (options.isWriting) process.stdout.write(`${writeReports(report).join(', ')} written\n`);
}

// Whoever ends this process ends the programs that it has started.
endOnSignal();
// Once something is wrong nothing more is measured: what still runs is ended with this process.
run().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
