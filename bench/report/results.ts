// The report for programs, bench/results/<date>-<cpu>.json, and what is made of it: blocks in README.md and docs/, plots.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metrics, spreadOfMetric } from '../metrics.ts';
import { subjects } from '../subjects/registry.ts';
import { cpuSlug } from './machine.ts';
import { mainText, numberText, pageText } from './markdown.ts';
import { plotFile, plotSvg } from './plots.ts';
import type { Report } from './report.ts';

const root = new URL('../../', import.meta.url);

/** Writes the results file; the answer is its path, seen from the project's folder. */
export function writeResults(report: Report): string {
  const { measured, columns, setting, missing, failures } = report;
  const rows = Object.entries(metrics).flatMap(([metric, row]) =>
    columns.flatMap((subject) => {
      const spread = spreadOfMetric(measured, row, subject);
      return spread === undefined ? [] : [{ metric, subject, unit: row.unit, ...spread }];
    }),
  );
  return write(
    `bench/results/${setting.date}-${cpuSlug(setting)}.json`,
    `${JSON.stringify({ setting, missing, failures, rows, measured }, rounded, 2)}\n`,
  );
}

/** Brings README.md, docs/performance.md and the plots up to date; the answer is their paths. */
export function writeReports(report: Report): string[] {
  const plots = Object.entries(metrics).flatMap(([id, metric]) => {
    const rows = report.columns.flatMap((subject) => {
      const spread = spreadOfMetric(report.measured, metric, subject);
      if (spread === undefined || subject === 'direct') return [];
      const text = `${numberText(spread.median, metric.decimals)} ${metric.unit ?? ''}`.trim();
      return [{ name: subjects[subject].title, spread, text, isOwn: !subjects[subject].isPeer }];
    });
    if (!metric.isPlotted || rows.length === 0) return [];
    return [write(`docs/${plotFile(id)}`, plotSvg(`${metric.title}, ${metric.unit ?? ''}`, rows))];
  });
  return [
    writeBlock('README.md', 'bench', mainText(report)),
    writeBlock('docs/performance.md', 'bench', pageText(report)),
    ...plots,
  ];
}

/** Replaces what stands between the markers of a page; the answer is its path. */
export function writeBlock(path: string, name: string, text: string): string {
  const [opening, closing] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const before = readFileSync(new URL(path, root), 'utf8');
  const start = before.indexOf(opening);
  const end = before.indexOf(closing, start);
  if (start === -1 || end === -1) throw new Error(`${path} has no ${opening} … ${closing}`);
  return write(path, `${before.slice(0, start + opening.length)}\n\n${text}\n${before.slice(end)}`);
}

/** Writes a file of the project; the answer is its path, seen from the project's folder. */
export function write(path: string, text: string): string {
  const file = new URL(path, root);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, text);
  return relative(fileURLToPath(root), fileURLToPath(file));
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
