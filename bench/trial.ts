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
import type { RunningSubject, Subject } from './subjects/subject.ts';

/** From ready to the first look at the memory. */
const settleMs = 1000;
const memoryEveryMs = 100;
/**
 * Driven before anything is measured, so that a fresh process has compiled its code: in the first four
 * seconds a request costs twice as much as in the end, until the tenth a twentieth more. The first tells the memory, too.
 */
const breakInLanes = ['whole', 'stream34', 'body10'] as const satisfies readonly LaneId[];
const wholeBreakInMs = 6000;
const breakInMs = 2000;

/** What a trial needs. */
export interface TrialParts {
  readonly number: number;
  readonly subjects: readonly SubjectId[];
  readonly lanes: readonly LaneId[];
  readonly windowMs: number;
  /** From the last load to the last look at the memory. */
  readonly restMs: number;
  readonly folder: string;
  /** Where peers are installed. */
  readonly cacheFolder: string;
  readonly companions: Companions;
  readonly accounting: Accounting;
  readonly nodeOptions: readonly string[];
  /** What peers have failed; is added to. What has failed once is not tried again. */
  readonly failures: Failure[];
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
  /** The most that was seen while it was driven by 64 connections with small requests, before any other lane. */
  readonly wholeBytes: number | undefined;
  /** The most that was seen in all lanes. */
  readonly loadedBytes: number | undefined;
  readonly restedBytes: number | undefined;
  readonly lanes: LaneReports;
}

/** What a peer could not do. */
export interface Failure {
  readonly trial: number;
  readonly subject: SubjectId;
  readonly lane: LaneId | 'start';
  readonly message: string;
}

/** Runs one trial. The answers come after the rest, which the next trial need not wait for. */
export async function runTrial(parts: TrialParts): Promise<Promise<Measured>[]> {
  const candidates: Candidate[] = [];
  for (const id of shuffled(parts.subjects)) {
    const candidate = await orFailed(parts, id, 'start', () => Candidate.start(parts, id));
    if (candidate !== undefined) candidates.push(candidate);
  }
  for (const candidate of candidates) await candidate.breakIn();
  for (const lane of shuffled(parts.lanes)) {
    // One lane through all subjects, then the next: what is compared falls into the same seconds.
    for (const candidate of shuffled(candidates)) await candidate.measure(lane);
  }
  return candidates.map((candidate) => candidate.rest());
}

/** Does something with a subject, unless it has failed that before. What a peer fails is noted; all else is thrown. */
async function orFailed<Result>(
  { number, failures, say }: TrialParts,
  subject: SubjectId,
  lane: LaneId | 'start',
  act: () => Promise<Result>,
): Promise<Result | undefined> {
  if (failures.some((failure) => failure.subject === subject && failure.lane === lane)) return undefined;
  try {
    return await act();
  } catch (error) {
    const { isPeer, title } = subjects[subject];
    const { message } = error as Error;
    if (!isPeer) throw new Error(`${lane}, ${title}: ${message}`, { cause: error });
    failures.push({ trial: number, subject, lane, message });
    say(`${title} has failed "${lane}" and is not asked again: ${message}`);
    return undefined;
  }
}

/** A subject in a trial. */
class Candidate {
  readonly #parts: TrialParts;
  readonly #id: SubjectId;
  readonly #running: RunningSubject;
  readonly #reports: LaneReports = {};
  #idleBytes: number | undefined;
  #wholeBytes: number | undefined;
  #loadedBytes: number | undefined;

  private constructor(parts: TrialParts, id: SubjectId, running: RunningSubject) {
    this.#parts = parts;
    this.#id = id;
    this.#running = running;
  }

  static async start(parts: TrialParts, id: SubjectId): Promise<Candidate> {
    const folder = join(parts.folder, `${parts.number}-${id}`);
    mkdirSync(folder);
    const { companions, cacheFolder, nodeOptions } = parts;
    const { upstreamPort } = companions;
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    const running = await subjects[id].start({ upstream, upstreamPort, folder, cacheFolder, nodeOptions });
    const candidate = new Candidate(parts, id, running);
    if (running.pids.length > 0) {
      await sleep(settleMs);
      candidate.#idleBytes = parts.accounting.residentBytes(running.pids);
    }
    return candidate;
  }

  async breakIn(): Promise<void> {
    if (this.#running.pids.length === 0) return;
    const chosen = breakInLanes.filter((lane) => this.#parts.lanes.includes(lane));
    for (const id of chosen) {
      const windowMs = id === 'whole' ? wholeBreakInMs : breakInMs;
      await orFailed(this.#parts, this.#id, id, () => this.#drive({ ...lanes[id], warmUpMs: 0 }, windowMs));
      if (id === 'whole') this.#wholeBytes = this.#loadedBytes;
    }
  }

  async measure(id: LaneId): Promise<void> {
    const { number, companions, say } = this.#parts;
    const { slowness = 1 }: Subject = subjects[this.#id];
    const windowMs = this.#parts.windowMs * slowness;
    say(`trial ${number}: ${id}, ${subjects[this.#id].title}`);
    const lane: Lane = lanes[id];
    const direct = directTarget(companions.upstreamPort);
    const report = await orFailed<LoadReport | LatencyReport>(this.#parts, this.#id, id, () =>
      lane.kind === 'load'
        ? this.#drive(lane, windowMs)
        : companions.perform({ ...lane, windowMs, target: this.#running.target, direct }),
    );
    if (report !== undefined) Object.assign(this.#reports, { [id]: report });
  }

  async rest(): Promise<Measured> {
    const { accounting, number, restMs } = this.#parts;
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
      wholeBytes: this.#wholeBytes,
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
