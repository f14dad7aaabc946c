// The report for people: the tables, and the sentences without which they could be misread.
import { lanes, laneIds, type LoadLaneId } from '../lanes.ts';
import type { Spread } from '../lib/statistics.ts';
import { companionCost, metrics, spreadOfMetric, type Metric } from '../metrics.ts';
import { subjects } from '../subjects/registry.ts';
import { plotFile } from './plots.ts';
import type { Report } from './report.ts';

/** The table of the main rows, and what it needs beside it: the README's block. */
export function mainText(report: Report): string {
  const rows = Object.values(metrics).filter(({ isMain }) => isMain);
  return `${tableOf(report, rows)}\n\n${noteOf(report)}\n`;
}

/** All tables. */
export function reportText(report: Report): string {
  const rows = Object.values(metrics);
  return `${tableOf(report, rows)}\n\n${noteOf(report)}\n`;
}

/** A section for each lane, with its plot, and one for memory and start: the block of docs/performance.md. */
export function pageText(report: Report): string {
  const all = Object.entries(metrics);
  const sections = laneIds.flatMap((lane) => {
    const rows = all.filter(([, metric]) => metric.lane === lane);
    return sectionOf(report, lanes[lane].title, rows);
  });
  const own = all.filter(([, { lane }]) => lane === undefined);
  const text = [...sections, ...sectionOf(report, 'Memory and start', own)].join('\n\n');
  return `${noteOf(report)}\n\n${text}\n`;
}

function sectionOf(report: Report, title: string, rows: readonly (readonly [string, Metric])[]): string[] {
  const driven = rows.filter(([, metric]) => hasValue(report, metric));
  if (driven.length === 0) return [];
  const plots = driven
    .filter(([, metric]) => metric.isPlotted)
    .map(([id, metric]) => `![${metric.title}](${plotFile(id)})`);
  return [
    `### ${title}`,
    tableOf(
      report,
      driven.map(([, metric]) => metric),
    ),
    ...(plots.length > 0 ? [plots.join('\n')] : []),
  ];
}

function hasValue({ measured, columns }: Report, metric: Metric): boolean {
  return columns.some((subject) => spreadOfMetric(measured, metric, subject) !== undefined);
}

function tableOf(report: Report, list: readonly Metric[]): string {
  const { measured, columns, missing, failures } = report;
  const rows = list
    .filter((metric) => hasValue(report, metric))
    .map((metric) => [
      metric.unit === undefined ? metric.title : `${metric.title}, ${metric.unit}`,
      ...columns.map((subject) => {
        const spread = spreadOfMetric(measured, metric, subject);
        if (spread !== undefined) return cellText(spread, metric);
        if (missing.includes(subject)) return 'missing';
        const failure = failures.find((one) => one.subject === subject && [metric.lane, 'start'].includes(one.lane));
        return failure === undefined ? '–' : 'failed';
      }),
    ]);
  return table(['', ...columns.map((id) => subjects[id].title)], rows);
}

function noteOf({ measured, setting, missing, failures }: Report): string {
  const trials = new Set(measured.map(({ trial }) => trial)).size;
  const { date, cpu, cores, memoryGibibytes, system, node, gateway, peers, loadBefore } = setting;
  const versions = Object.entries(peers).map(([title, version]) => `${title} ${version}`);
  const failed = failures.map(
    ({ subject, lane, message }) =>
      `${subjects[subject].title} failed "${lane === 'start' ? lane : lanes[lane].title}": ${message}.`,
  );
  return [
    `Median of ${trials} ${trials === 1 ? 'trial' : 'trials'} (least to greatest). CPU is the time of all processes and threads of a subject, as the
operating system accounts for it. Requests have 0.1 kB and 64 connections unless a row says otherwise; each connection
sends its next request when it has its answer. Chunks have 200 bytes and come unpaced unless a row says otherwise.
Latency is that of one connection, with calls straight to the upstream in between. "governed" is the gateway with a
client key that has every limit and a budget, and a price for the model. Upstream, load generator and subject are
processes on one machine, over loopback without TLS.`,
    ...(missing.length > 0 ? [`Not installed: ${missing.map((id) => subjects[id].title).join(', ')}.`] : []),
    ...failed,
    `${[`${date}, aigateway ${gateway}`, ...versions, `Node.js ${node}`, cpu, `${cores} cores`, `${memoryGibibytes} GiB`, system].join(', ')}.
Load of the machine before the run: ${loadBefore}.`,
  ].join('\n\n');
}

/** What the benchmark's own programs cost beside each subject: a hint where that is too much. */
export function companionText({ measured, columns, lanes: driven }: Report): string {
  const loads = driven.filter((id): id is LoadLaneId => lanes[id].kind === 'load');
  const lines = loads.flatMap((lane) =>
    columns.flatMap((subject) => {
      const of = (what: 'upstreamCpuMs' | 'loadCpuMs' | 'subjectCpuMs'): number | undefined =>
        companionCost(measured, lane, subject, what);
      const [own, upstream, load] = [of('subjectCpuMs'), of('upstreamCpuMs'), of('loadCpuMs')];
      if (own === undefined || upstream === undefined || load === undefined) return [];
      const hint = own > 0 && Math.max(upstream, load) > own ? ' — more than the subject' : '';
      return [`${lane}, ${subjects[subject].title}: upstream ${upstream.toFixed(0)}, load ${load.toFixed(0)}${hint}`];
    }),
  );
  return `CPU of the benchmark's own programs, µs per answer:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function cellText(spread: Spread, { decimals }: Metric): string {
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => numberText(value, decimals));
  return min === max ? `${median}` : `${median} (${min} to ${max})`;
}

/** A number for people. */
export function numberText(value: number, decimals: number): string {
  const text = value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  // What rounds to nothing has no sign.
  return Number(text) === 0 ? text.replace('-', '') : text;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}
