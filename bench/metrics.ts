// The rows of the report: how each number is worked out of what a trial has measured.
import { answers } from './answers.ts';
import type { LoadReport } from './job.ts';
import { lanes } from './lanes.ts';
import { spreadOf, type Spread } from './lib/statistics.ts';
import type { SubjectId } from './subjects/registry.ts';
import type { LaneReports, Measured } from './trial.ts';

const mebibyte = 1 << 20;

type LoadLaneId = 'whole' | 'stream34' | 'stream300' | 'paced';

/** One row. */
export interface Metric {
  readonly title: string;
  readonly unit: 'µs' | 'ms' | 'MiB' | undefined;
  readonly decimals: number;
  /** The value, or undefined where there is none: nothing was started, or the lane was not driven. */
  readonly of: (measured: Measured) => number | undefined;
}

/** Name in the results file → row. */
export const metrics: Readonly<Record<string, Metric>> = {
  cpu_per_request: cost('CPU per request', 'whole', 'answer'),
  requests_per_second: {
    title: 'Requests per second',
    unit: undefined,
    decimals: 0,
    of: ({ lanes }) => lanes.whole && (lanes.whole.answers * 1000) / lanes.whole.durationMs,
  },
  cpu_per_stream_34: cost('CPU per stream of 34 chunks', 'stream34', 'answer'),
  cpu_per_chunk_34: cost('CPU per chunk of it', 'stream34', 'chunk'),
  cpu_per_stream_300: cost('CPU per stream of 300 chunks', 'stream300', 'answer'),
  cpu_per_chunk_300: cost('CPU per chunk of it', 'stream300', 'chunk'),
  cpu_per_chunk_paced: cost('CPU per chunk, 50 a stream, one every 10 ms', 'paced', 'chunk'),
  latency_p50: latency('Latency, median', ({ p50Ms }) => p50Ms),
  latency_added_p50: latency('Latency added, median', ({ p50Ms, directP50Ms }) => p50Ms - directP50Ms),
  latency_p99: latency('Latency, 99th percentile', ({ p99Ms }) => p99Ms),
  latency_added_p99: latency('Latency added, 99th percentile', ({ p99Ms, directP99Ms }) => p99Ms - directP99Ms),
  memory_idle: memory('Memory, idle', ({ idleBytes }) => idleBytes),
  memory_loaded: memory('Memory, 64 connections, the most', ({ loadedBytes }) => loadedBytes),
  memory_rested: memory('Memory, 10 s after', ({ restedBytes }) => restedBytes),
  cold_start: {
    title: 'Cold start, empty data folder',
    unit: 'ms',
    decimals: 0,
    of: ({ coldStartMs }) => coldStartMs,
  },
};

/** The spread of one row for one subject over the trials; undefined where no trial has a value. */
export function spreadOfMetric(all: readonly Measured[], metric: Metric, subject: SubjectId): Spread | undefined {
  const own = all.filter((measured) => measured.subject === subject);
  const values = own.map(metric.of).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : spreadOf(values);
}

/** What a program of the benchmark itself has used per answer, in µs, median over the trials. */
export function companionCost(
  all: readonly Measured[],
  lane: LoadLaneId,
  subject: SubjectId,
  of: 'upstreamCpuMs' | 'loadCpuMs' | 'subjectCpuMs',
): number | undefined {
  const reports = all.filter((measured) => measured.subject === subject).map((measured) => measured.lanes[lane]);
  const costs = reports.filter((report) => report !== undefined).map((report) => (report[of] * 1000) / report.answers);
  return costs.length === 0 ? undefined : spreadOf(costs).median;
}

function cost(title: string, lane: LoadLaneId, per: 'answer' | 'chunk'): Metric {
  const parts = per === 'answer' ? 1 : (answers[lanes[lane].model]?.chunks ?? Number.NaN);
  const of = (report: LoadReport | undefined): number | undefined =>
    report === undefined || report.subjectCpuMs === 0
      ? undefined
      : (report.subjectCpuMs * 1000) / (report.answers * parts);
  return { title, unit: 'µs', decimals: per === 'answer' ? 0 : 1, of: (measured) => of(measured.lanes[lane]) };
}

function latency(title: string, of: (report: NonNullable<LaneReports['latency']>) => number): Metric {
  return { title, unit: 'µs', decimals: 0, of: ({ lanes }) => lanes.latency && of(lanes.latency) * 1000 };
}

function memory(title: string, of: (measured: Measured) => number | undefined): Metric {
  const inMebibytes = (bytes: number | undefined): number | undefined => bytes && bytes / mebibyte;
  return { title, unit: 'MiB', decimals: 0, of: (measured) => inMebibytes(of(measured)) };
}
