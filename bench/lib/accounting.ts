// What the operating system says that processes have used: time on the processors, and memory.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Reads the books on running processes. */
export interface Accounting {
  /** Time on the processors since the start, user and system, of all threads of these processes and their children, in ms. */
  cpuMs(pids: readonly number[]): number;
  /** The same of the main threads alone, where the operating system tells them apart; elsewhere of all. */
  mainThreadMs(pids: readonly number[]): number;
  /** Memory that is resident, in bytes, of the children, too. */
  residentBytes(pids: readonly number[]): number;
}

/** The accounting of this machine: /proc on Linux, `ps` elsewhere. */
export function openAccounting(): Accounting {
  if (process.platform === 'linux') return linuxAccounting();
  if (process.platform === 'win32') throw new Error('the benchmark needs /proc or ps, so it does not run on Windows');
  return {
    cpuMs: (pids) => sum(pids, (pid) => cpuTimeMs(ps('cputime', pid))),
    mainThreadMs: (pids) => sum(pids, (pid) => cpuTimeMs(ps('cputime', pid))),
    residentBytes: (pids) => sum(pids, (pid) => Number(ps('rss', pid)) * 1024),
  };
}

function linuxAccounting(): Accounting {
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return {
    cpuMs: (pids) => sum(treeOf(pids), (pid) => (ticksOf(read(pid, 'stat')) * 1000) / ticksPerSecond),
    mainThreadMs: (pids) =>
      sum(treeOf(pids), (pid) => (ticksOf(read(pid, `task/${pid}/stat`)) * 1000) / ticksPerSecond),
    // A child that has ended and is not buried yet has a status without memory.
    residentBytes: (pids) =>
      sum(treeOf(pids), (pid) => Number(/^VmRSS:\s+(\d+) kB$/mu.exec(read(pid, 'status') ?? '')?.[1] ?? 0) * 1024),
  };
}

/**
 * Time in ticks from a line of /proc/PID/stat: of all threads of the process, and of its children that have ended, whose
 * time would else be lost. Behind the program's name, which may hold anything, stand the state as the first field, and
 * utime, stime, cutime and cstime as the 12th to the 15th.
 */
export function ticksOf(stat: string | undefined): number {
  if (stat === undefined) return 0;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
}

/** These processes and all that they have started, as Linux knows it; elsewhere these alone. */
export function treeOf(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => [pid, ...treeOf(childrenOf(pid))]);
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    (read(pid, `task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** A file of a process; undefined where it has just ended: its parent has its time. */
function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}

function ps(field: string, pid: number): string {
  return execFileSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' }).trim();
}

/** `[[days-]hours:]minutes:seconds[.hundredths]` in ms. */
function cpuTimeMs(text: string): number {
  const [days, clock] = text.includes('-') ? (text.split('-') as [string, string]) : ['0', text];
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  return (Number(days) * 86_400 + seconds) * 1000;
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  const total = pids.reduce((before, pid) => before + of(pid), 0);
  if (Number.isNaN(total)) throw new Error('the operating system does not say what a process has used');
  return total;
}
