// What the operating system says that processes have used: time on the processors, and memory.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Reads the books on running processes. */
export interface Accounting {
  /** Time on the processors since the start, user and system, of all threads of these processes together, in ms. */
  cpuMs(pids: readonly number[]): number;
  /** Memory that is resident, in bytes. */
  residentBytes(pids: readonly number[]): number;
}

/** The accounting of this machine: /proc on Linux, `ps` elsewhere. */
export function openAccounting(): Accounting {
  if (process.platform === 'linux') return linuxAccounting();
  if (process.platform === 'win32') throw new Error('the benchmark needs /proc or ps, so it does not run on Windows');
  return {
    cpuMs: (pids) => sum(pids, (pid) => cpuTimeMs(ps('cputime', pid))),
    residentBytes: (pids) => sum(pids, (pid) => Number(ps('rss', pid)) * 1024),
  };
}

function linuxAccounting(): Accounting {
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return {
    cpuMs: (pids) =>
      sum(pids, (pid) => {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        // Behind the program's name, which may hold anything: state is the first field, utime the 12th, stime the 13th.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
      }),
    residentBytes: (pids) =>
      sum(pids, (pid) => {
        const status = readFileSync(`/proc/${pid}/status`, 'latin1');
        return Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1]) * 1024;
      }),
  };
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
