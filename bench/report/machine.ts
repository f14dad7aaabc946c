// Where a measurement was made: numbers without it mean nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';

/** Machine and program of a run. */
export interface Setting {
  /** ISO 8601, UTC, the day alone. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  /** In GiB, to one decimal. */
  readonly memoryGibibytes: number;
  readonly system: string;
  readonly node: string;
  /** The gateway's version, and the commit where there is a repository. */
  readonly gateway: string;
  /** Peer → its version. */
  readonly peers: Readonly<Record<string, string>>;
  /** How many threads wanted to run in the minute before the run: what else the machine was busy with. */
  readonly loadBefore: number;
}

export function readSetting(peers: Readonly<Record<string, string>>): Setting {
  const list = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: (list[0]?.model ?? 'unknown CPU')
      .replaceAll(/\((?:R|TM)\)/gu, '')
      .replaceAll(/\s+/gu, ' ')
      .trim(),
    cores: list.length,
    memoryGibibytes: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${type()} ${release().split('-')[0]} ${arch()}`,
    node: process.version,
    gateway: [readVersion(), readCommit()].filter((part) => part !== undefined).join(' at '),
    peers,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

/** The CPU's name as a part of a file name. */
export function cpuSlug({ cpu }: Setting): string {
  return cpu
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, '-')
    .replaceAll(/^-|-$/gu, '');
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function readCommit(): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: new URL('.', import.meta.url),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
