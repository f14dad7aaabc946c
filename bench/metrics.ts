// The rows of the report: how each number is worked out of what a trial has measured.
import { answers } from './answers.ts';
import type { LatencyReport, LoadReport } from './job.ts';
import { lanes, type LaneId, type LoadLaneId } from './lanes.ts';
import { spreadOf, type Spread } from './lib/statistics.ts';
import type { SubjectId } from './subjects/registry.ts';
import type { Measured } from './trial.ts';

const mebibyte = 1 << 20;

/** One row. */
export interface Metric {
  readonly title: string;
  readonly unit: 'µs' | 'ms' | 'MiB' | undefined;
  readonly decimals: number;
  /** The lane that it comes from; undefined for what is measured of the process as such. */
  readonly lane: LaneId | undefined;
  /** Stands in the README's table, too. */
  readonly isMain: boolean;
  /** Has a plot: one row of each lane. */
  readonly isPlotted: boolean;
  /** The value, or undefined where there is none: nothing was started, or the lane was not driven. */
  readonly of: (measured: Measured) => number | undefined;
}

const main = { isMain: true } as const;
const plotted = { isPlotted: true } as const;
const both = { ...main, ...plotted } as const;

/** Name in the results file → row. */
export const metrics: Readonly<Record<string, Metric>> = {
  cpu_per_request: { ...cost('CPU per request', 'whole', 'answer'), ...both },
  cpu_per_request_1: { ...cost('CPU per request, 1 connection', 'whole1', 'answer'), ...plotted },
  cpu_per_request_10: { ...cost('CPU per request, 10 connections', 'whole10', 'answer'), ...plotted },
  cpu_per_request_512: { ...cost('CPU per request, 512 connections', 'whole512', 'answer'), ...plotted },
  cpu_per_request_10kb: { ...cost('CPU per request of 10 kB', 'body10', 'answer'), ...plotted },
  cpu_per_request_150kb: { ...cost('CPU per request of 150 kB', 'body150', 'answer'), ...both },
  requests_per_second: { ...rate('Requests per second', 'whole'), ...main },
  requests_per_second_1: rate('Requests per second, 1 connection', 'whole1'),
  requests_per_second_10: rate('Requests per second, 10 connections', 'whole10'),
  requests_per_second_512: rate('Requests per second, 512 connections', 'whole512'),
  requests_per_second_10kb: rate('Requests of 10 kB per second', 'body10'),
  requests_per_second_150kb: rate('Requests of 150 kB per second', 'body150'),
  cpu_per_stream_34: cost('CPU per stream of 34 chunks', 'stream34', 'answer'),
  cpu_per_chunk_34: { ...cost('CPU per chunk of it', 'stream34', 'chunk'), ...both },
  cpu_per_stream_300: cost('CPU per stream of 300 chunks', 'stream300', 'answer'),
  cpu_per_chunk_300: { ...cost('CPU per chunk of it', 'stream300', 'chunk'), ...plotted },
  cpu_per_further_chunk: { ...furtherChunk('CPU of one more chunk, of 300 against 34'), ...both },
  cpu_per_chunk_paced: { ...cost('CPU per chunk, one every 20 ms, 64 streams', 'paced', 'chunk'), ...both },
  cpu_per_chunk_paced_512: { ...cost('CPU per chunk, one every 20 ms, 512 streams', 'paced512', 'chunk'), ...plotted },
  late_reads: paced('Late reads, 64 paced streams', 'paced', ({ lateReads }) => lateReads),
  late_reads_512: paced('Late reads, 512 paced streams', 'paced512', ({ lateReads }) => lateReads),
  longest_gap: gap('Longest gap, 64 paced streams', 'paced'),
  longest_gap_512: gap('Longest gap, 512 paced streams', 'paced512'),
  latency_p50: latency('Latency, median', 'latency', ({ p50Ms }) => p50Ms),
  latency_added_p50: { ...latency('Latency added, median', 'latency', addedP50), ...both },
  latency_p99: latency('Latency, 99th percentile', 'latency', ({ p99Ms }) => p99Ms),
  latency_added_p99: { ...latency('Latency added, 99th percentile', 'latency', addedP99), ...main },
  first_text_p50: latency('First text of a stream that pauses, median', 'first', ({ p50Ms }) => p50Ms),
  first_text_added_p50: { ...latency('First text of a stream that pauses, added, median', 'first', addedP50), ...both },
  first_text_added_p99: latency('First text of a stream that pauses, added, 99th percentile', 'first', addedP99),
  first_text_34_p50: latency('First text of an unpaced stream, median', 'first34', ({ p50Ms }) => p50Ms),
  first_text_34_added_p50: {
    ...latency('First text of an unpaced stream, added, median', 'first34', addedP50),
    ...both,
  },
  first_text_34_added_p99: latency('First text of an unpaced stream, added, 99th percentile', 'first34', addedP99),
  memory_idle: { ...memory('Memory, idle', ({ idleBytes }) => idleBytes), ...main },
  memory_64: { ...memory('Memory, 64 connections of 0.1 kB, the most', ({ wholeBytes }) => wholeBytes), ...both },
  memory_loaded: memory('Memory, all lanes, the most', ({ loadedBytes }) => loadedBytes),
  memory_rested: memory('Memory, after a rest', ({ restedBytes }) => restedBytes),
  cold_start: {
    title: 'Cold start, empty data folder',
    unit: 'ms',
    decimals: 0,
    lane: undefined,
    isMain: true,
    isPlotted: true,
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
  const costs = reports
    .filter((report) => report !== undefined)
    .map((report) => (report[of] * 1000) / Math.max(report.answers, 1));
  return costs.length === 0 ? undefined : spreadOf(costs).median;
}

/** A lane's rows begin with this. */
type LaneMetric = Metric & { readonly lane: LaneId };

function cost(title: string, lane: LoadLaneId, per: 'answer' | 'chunk'): LaneMetric {
  const parts = per === 'answer' ? 1 : chunksOf(lane);
  const decimals = per === 'answer' ? 0 : 1;
  return {
    title,
    unit: 'µs',
    decimals,
    lane,
    isMain: false,
    isPlotted: false,
    of: ({ lanes: reports }) => perAnswer(reports[lane], parts),
  };
}

/** What a stream costs for each chunk that it is longer: its request, which every stream has, is left out. */
function furtherChunk(title: string): LaneMetric {
  const [short, long] = ['stream34', 'stream300'] as const;
  return {
    ...cost(title, long, 'chunk'),
    of: ({ lanes: reports }) => {
      const [shorter, longer] = [perAnswer(reports[short], 1), perAnswer(reports[long], 1)];
      if (shorter === undefined || longer === undefined) return undefined;
      return (longer - shorter) / (chunksOf(long) - chunksOf(short));
    },
  };
}

function chunksOf(lane: LoadLaneId): number {
  return answers[lanes[lane].model]?.chunks ?? Number.NaN;
}

function perAnswer(report: LoadReport | undefined, parts: number): number | undefined {
  if (report === undefined || report.subjectCpuMs === 0 || report.answers === 0) return undefined;
  return (report.subjectCpuMs * 1000) / (report.answers * parts);
}

function rate(title: string, lane: LoadLaneId): LaneMetric {
  const of = (report: LoadReport | undefined): number | undefined =>
    report && (report.answers * 1000) / report.durationMs;
  return {
    title,
    unit: undefined,
    decimals: 0,
    lane,
    isMain: false,
    isPlotted: false,
    of: (measured) => of(measured.lanes[lane]),
  };
}

function paced(title: string, lane: 'paced' | 'paced512', of: (report: LoadReport) => number): LaneMetric {
  const value = (report: LoadReport | undefined): number | undefined => report && of(report);
  return {
    title,
    unit: undefined,
    decimals: 0,
    lane,
    isMain: false,
    isPlotted: false,
    of: (measured) => value(measured.lanes[lane]),
  };
}

function gap(title: string, lane: 'paced' | 'paced512'): LaneMetric {
  return { ...paced(title, lane, ({ longestGapMs }) => longestGapMs), unit: 'ms' };
}

function latency(
  title: string,
  lane: 'latency' | 'first' | 'first34',
  of: (report: LatencyReport) => number,
): LaneMetric {
  const value = (report: LatencyReport | undefined): number | undefined => report && of(report) * 1000;
  return {
    title,
    unit: 'µs',
    decimals: 0,
    lane,
    isMain: false,
    isPlotted: false,
    of: (measured) => value(measured.lanes[lane]),
  };
}

function addedP50({ p50Ms, directP50Ms }: LatencyReport): number {
  return p50Ms - directP50Ms;
}

function addedP99({ p99Ms, directP99Ms }: LatencyReport): number {
  return p99Ms - directP99Ms;
}

function memory(title: string, of: (measured: Measured) => number | undefined): Metric {
  const inMebibytes = (bytes: number | undefined): number | undefined => bytes && bytes / mebibyte;
  return {
    title,
    unit: 'MiB',
    decimals: 0,
    lane: undefined,
    isMain: false,
    isPlotted: false,
    of: (measured) => inMebibytes(of(measured)),
  };
}
