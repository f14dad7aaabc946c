// One trial: every subject started afresh, every lane driven through every subject in random order, and a look at the memory.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LatencyReport, LoadReport } from './job.ts';
import { lanes, type Lane, type LaneId, type LoadLane } from './lanes.ts';
import type { Accounting } from './lib/accounting.ts';
import type { Companions } from './lib/companions.ts';
import { shuffled } from './lib/statistics.ts';
import { directTarget } from './subjects/direct.ts';
import { subjects, type SubjectId } from './subjects/registry.ts';
import type { RunningSubject } from './subjects/subject.ts';

/** From ready to the first look at the memory. */
const settleMs = 1000;
/** From the last load to the last look at the memory. */
const restMs = 10_000;
const memoryEveryMs = 100;
/** How long each load lane is driven before anything is measured, so that a fresh process has compiled its code. */
const breakInMs = 700;

/** What a trial needs. */
export interface TrialParts {
  readonly number: number;
  readonly subjects: readonly SubjectId[];
  readonly lanes: readonly LaneId[];
  readonly windowMs: number;
  readonly folder: string;
  readonly companions: Companions;
  readonly accounting: Accounting;
  readonly nodeOptions: readonly string[];
  /** Hears what is being measured. */
  readonly say: (text: string) => void;
}

/** The reports of the lanes that were driven. */
export type LaneReports = {
  [Id in LaneId]?: (typeof lanes)[Id] extends LoadLane ? LoadReport : LatencyReport;
};

/** What one trial has measured of one subject. Memory in bytes. */
export interface Measured {
  readonly trial: number;
  readonly subject: SubjectId;
  readonly coldStartMs: number | undefined;
  readonly idleBytes: number | undefined;
  /** The most that was seen while a load lane ran. */
  readonly loadedBytes: number | undefined;
  readonly restedBytes: number | undefined;
  readonly lanes: LaneReports;
}

/** Runs one trial. The answers come after the rest, which the next trial need not wait for. */
export async function runTrial(parts: TrialParts): Promise<Promise<Measured>[]> {
  const candidates: Candidate[] = [];
  for (const id of shuffled(parts.subjects)) candidates.push(await Candidate.start(parts, id));
  for (const candidate of candidates) await candidate.breakIn();
  const order = candidates.flatMap((candidate) => parts.lanes.map((lane) => ({ candidate, lane })));
  for (const { candidate, lane } of shuffled(order)) await candidate.measure(lane);
  return candidates.map((candidate) => candidate.rest());
}

/** A subject in a trial. */
class Candidate {
  readonly #parts: TrialParts;
  readonly #id: SubjectId;
  readonly #running: RunningSubject;
  readonly #reports: LaneReports = {};
  #idleBytes: number | undefined;
  #loadedBytes: number | undefined;

  private constructor(parts: TrialParts, id: SubjectId, running: RunningSubject) {
    this.#parts = parts;
    this.#id = id;
    this.#running = running;
  }

  static async start(parts: TrialParts, id: SubjectId): Promise<Candidate> {
    const folder = join(parts.folder, `${parts.number}-${id}`);
    mkdirSync(folder);
    const { upstreamPort } = parts.companions;
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    const running = await subjects[id].start({ upstream, upstreamPort, folder, nodeOptions: parts.nodeOptions });
    const candidate = new Candidate(parts, id, running);
    if (running.pids.length > 0) {
      await sleep(settleMs);
      candidate.#idleBytes = parts.accounting.residentBytes(running.pids);
    }
    return candidate;
  }

  async breakIn(): Promise<void> {
    if (this.#running.pids.length === 0) return;
    for (const id of this.#parts.lanes) {
      const lane: Lane = lanes[id];
      if (lane.kind === 'load' && lane.rampMs === 0) await this.#drive({ ...lane, warmUpMs: 0 }, breakInMs);
    }
  }

  async measure(id: LaneId): Promise<void> {
    const { number, windowMs, companions, say } = this.#parts;
    say(`trial ${number}: ${id}, ${subjects[this.#id].title}`);
    const lane: Lane = lanes[id];
    const report =
      lane.kind === 'load'
        ? await this.#drive(lane, windowMs)
        : await companions.perform({
            ...lane,
            windowMs,
            target: this.#running.target,
            direct: directTarget(companions.upstreamPort),
          });
    Object.assign(this.#reports, { [id]: report });
  }

  async rest(): Promise<Measured> {
    const { accounting, number } = this.#parts;
    const { pids, coldStartMs } = this.#running;
    let restedBytes: number | undefined;
    if (pids.length > 0) {
      await sleep(restMs);
      restedBytes = accounting.residentBytes(pids);
    }
    await this.#running.stop();
    return {
      trial: number,
      subject: this.#id,
      coldStartMs,
      idleBytes: this.#idleBytes,
      loadedBytes: this.#loadedBytes,
      restedBytes,
      lanes: this.#reports,
    };
  }

  async #drive(lane: LoadLane, windowMs: number): Promise<LoadReport> {
    const { accounting, companions } = this.#parts;
    const { pids, target } = this.#running;
    const lookAtMemory = (): void => {
      if (pids.length === 0) return;
      this.#loadedBytes = Math.max(this.#loadedBytes ?? 0, accounting.residentBytes(pids));
    };
    const timer = setInterval(lookAtMemory, memoryEveryMs);
    try {
      const watched = { subject: pids, upstream: [companions.upstreamPid] };
      return await companions.perform({ ...lane, windowMs, target, watched });
    } finally {
      clearInterval(timer);
    }
  }
}
