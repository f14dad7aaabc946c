// The report for people: one table, and the sentences without which it could be misread.
import { companionCost, metrics, spreadOfMetric, type Metric } from '../metrics.ts';
import type { Spread } from '../lib/statistics.ts';
import { subjects, type SubjectId } from '../subjects/registry.ts';
import type { Measured } from '../trial.ts';
import type { Setting } from './machine.ts';

/** The whole report. */
export function reportText(all: readonly Measured[], columns: readonly SubjectId[], setting: Setting): string {
  const rows = Object.values(metrics).flatMap((metric) => {
    const cells = columns.map((subject) => spreadOfMetric(all, metric, subject));
    return cells.every((cell) => cell === undefined)
      ? []
      : [
          [
            metric.unit === undefined ? metric.title : `${metric.title}, ${metric.unit}`,
            ...cells.map((cell) => cellText(cell, metric)),
          ],
        ];
  });
  const trials = new Set(all.map(({ trial }) => trial)).size;
  const { date, cpu, cores, memoryGibibytes, system, node, gateway } = setting;
  return `${table(['', ...columns.map((id) => subjects[id].title)], rows)}

Median of ${trials} trials (least to greatest). CPU is the time of the subject's whole process as the operating system
accounts for it. Requests have 0.1 kB; 64 connections send the next when they have their answer; chunks have 200 bytes
and come unpaced unless a row says otherwise; latency is that of one connection, with calls straight to the upstream in
between. Upstream, load generator and subject are three processes on one machine, over loopback without TLS.

${date}, aigateway ${gateway}, Node.js ${node}, ${cpu}, ${cores} cores, ${memoryGibibytes} GiB, ${system}.
`;
}

/** What the benchmark's own programs cost beside each subject: a hint where that is too much. */
export function companionText(all: readonly Measured[], columns: readonly SubjectId[]): string {
  const lines = (['whole', 'stream34', 'stream300', 'paced'] as const).flatMap((lane) =>
    columns.flatMap((subject) => {
      const of = (what: 'upstreamCpuMs' | 'loadCpuMs' | 'subjectCpuMs'): number | undefined =>
        companionCost(all, lane, subject, what);
      const [own, upstream, load] = [of('subjectCpuMs'), of('upstreamCpuMs'), of('loadCpuMs')];
      if (own === undefined || upstream === undefined || load === undefined) return [];
      const hint = own > 0 && Math.max(upstream, load) > own ? ' — more than the subject' : '';
      return [`${lane}, ${subjects[subject].title}: upstream ${upstream.toFixed(0)}, load ${load.toFixed(0)}${hint}`];
    }),
  );
  return `CPU of the benchmark's own programs, µs per answer:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function cellText(spread: Spread | undefined, { decimals }: Metric): string {
  if (spread === undefined) return '–';
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => numberText(value, decimals));
  return min === max ? `${median}` : `${median} (${min} to ${max})`;
}

function numberText(value: number, decimals: number): string {
  const text = value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  // What rounds to nothing has no sign.
  return Number(text) === 0 ? text.replace('-', '') : text;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}
