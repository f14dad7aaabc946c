// `npm run bench`: measures the gateway against the same calls made straight to the upstream, and reports.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { laneIds } from './lanes.ts';
import { openAccounting } from './lib/accounting.ts';
import { startCompanions } from './lib/companions.ts';
import { readSetting } from './report/machine.ts';
import { companionText, reportText } from './report/markdown.ts';
import { writeReadme, writeResults } from './report/results.ts';
import { subjectIds, usualSubjectIds } from './subjects/registry.ts';
import { runTrial, type Measured } from './trial.ts';

const usage = `Usage: npm run bench -- [options]

  --seconds N       length of each measurement (2)
  --trials N        how often everything is measured (5)
  --lanes A,B       only these of: ${laneIds.join(', ')}
  --subjects A,B    only these of: ${subjectIds.join(', ')}
  --write           put the table into README.md
  --profile FOLDER  take CPU profiles of the gateway instead; "node bench/profile.ts FOLDER" reads them
`;

/** What one run does. */
interface Options {
  readonly windowMs: number;
  readonly trials: number;
  readonly lanes: typeof laneIds;
  readonly subjects: typeof subjectIds;
  readonly isWriting: boolean;
  readonly profileFolder: string | undefined;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '2' },
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
  return lanes.length === laneIds.length && subjects.join() === usualSubjectIds.join();
}

async function measure(options: Options): Promise<Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const companions = await startCompanions();
  const accounting = openAccounting();
  const startedAtMs = performance.now();
  const say = (text: string): boolean =>
    process.stderr.write(`${((performance.now() - startedAtMs) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
  const { lanes, subjects, trials, windowMs, profileFolder } = options;
  const nodeOptions = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
  try {
    const results: Promise<Measured>[] = [];
    for (let number = 1; number <= trials; number += 1) {
      const parts = { number, subjects, lanes, windowMs, folder, companions, accounting, nodeOptions, say };
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
  const setting = readSetting();
  const all = await measure(options);
  const text = reportText(all, options.subjects, setting);
  process.stdout.write(`\n${text}\n${companionText(all, options.subjects)}\n`);
  if (options.profileFolder !== undefined || !isComplete(options)) return;
  process.stdout.write(`${writeResults(all, options.subjects, setting)} written\n`);
  if (!options.isWriting) return;
  writeReadme(text);
  process.stdout.write('README.md written\n');
}

// Whoever ends this process ends the programs that it has started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
// Once something is wrong nothing more is measured: what still runs is ended with this process.
run().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
