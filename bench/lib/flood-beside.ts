// Starts the program that floods, a process of its own, and hears what came of it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Flood, FloodReport } from '../programs/flood.ts';

/** Floods as the job says; rejects where the program ends before it reports. */
export function floodBeside(job: Flood): Promise<FloodReport> {
  const child = fork(fileURLToPath(new URL('../programs/flood.ts', import.meta.url)));
  const answer = new Promise<FloodReport>((resolve, reject) => {
    child.once('message', (report) => resolve(report as FloodReport));
    child.once('exit', (code) => reject(new Error(`the flood ended with ${code}`)));
  });
  child.send(job);
  return answer.finally(() => child.disconnect());
}
