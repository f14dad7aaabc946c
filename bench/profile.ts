// Reads the CPU profiles that `npm run bench -- --profile FOLDER` has taken: where the time went, by function and by part.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const usage = `Usage: node bench/profile.ts FOLDER [functions shown, 40]\n`;
const root = new URL('..', import.meta.url).href;

/** The parts of a profile that are read here (Chrome DevTools Protocol, \`Profiler.Profile\`). Times in µs. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Self time by name, greatest first. */
type Times = readonly (readonly [name: string, ms: number])[];

function run([folder, shown = '40']: readonly string[]): void {
  if (folder === undefined) {
    process.stderr.write(usage);
    process.exitCode = 2;
    return;
  }
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile;
    const functions = selfTimes(profile, ({ functionName, url, lineNumber }) =>
      `${functionName || 'anonymous'}  ${url === '' ? '' : `${shortUrl(url)}:${lineNumber + 1}`}`.trimEnd(),
    );
    const parts = selfTimes(profile, ({ functionName, url }) => {
      if (url !== '') return partOf(shortUrl(url));
      return functionName.startsWith('(') ? functionName : 'native code';
    });
    process.stdout.write(
      `${name}\n\n${text(parts.filter(([, ms]) => ms >= 1))}\n${text(functions.slice(0, Number(shown)))}\n`,
    );
  }
}

/** Adds up the time by what `nameOf` says; idle time is left out. */
function selfTimes(profile: Profile, nameOf: (frame: Profile['nodes'][number]['callFrame']) => string): Times {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id) ?? '';
    if (!name.startsWith('(idle)')) times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0) / 1000);
  }
  return [...times].sort((a, b) => b[1] - a[1]);
}

function text(times: Times): string {
  const totalMs = times.reduce((sum, [, ms]) => sum + ms, 0);
  const line = ([name, ms]: Times[number]): string =>
    `${ms.toFixed(0).padStart(8)} ms ${((100 * ms) / totalMs).toFixed(1).padStart(5)} %  ${name}\n`;
  return times.map(line).join('');
}

function shortUrl(url: string): string {
  const short = url.startsWith(root) ? url.slice(root.length) : url;
  return short.startsWith('file:') ? fileURLToPath(short).replace(/^.*(?=node_modules)/u, '') : short;
}

/** A package, a folder of the source, or a module of Node.js. */
function partOf(place: string): string {
  return /^(?:node_modules\/(?:@[^/]+\/)?[^/]+|src\/[^/]+|node:[^/]+(?:\/[^/]+)?)/u.exec(place)?.[0] ?? place;
}

run(process.argv.slice(2));
