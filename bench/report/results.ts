// The report for programs: bench/results/<date>-<cpu>.json, and the block in the README that is made of the other one.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { metrics, spreadOfMetric } from '../metrics.ts';
import type { SubjectId } from '../subjects/registry.ts';
import type { Measured } from '../trial.ts';
import { cpuSlug, type Setting } from './machine.ts';

const root = new URL('../../', import.meta.url);
const opening = '<!-- bench:start -->';
const closing = '<!-- bench:end -->';

/** Writes the results file; the answer is its path, seen from the project's folder. */
export function writeResults(all: readonly Measured[], columns: readonly SubjectId[], setting: Setting): string {
  const rows = Object.entries(metrics).flatMap(([metric, row]) =>
    columns.flatMap((subject) => {
      const spread = spreadOfMetric(all, row, subject);
      return spread === undefined ? [] : [{ metric, subject, unit: row.unit, ...spread }];
    }),
  );
  const folder = new URL('bench/results/', root);
  const file = new URL(`${setting.date}-${cpuSlug(setting)}.json`, folder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ setting, rows, measured: all }, rounded, 2)}\n`);
  return relative(fileURLToPath(root), fileURLToPath(file));
}

/** Replaces what stands between the markers in the README. */
export function writeReadme(text: string): void {
  const file = new URL('README.md', root);
  const before = readFileSync(file, 'utf8');
  const start = before.indexOf(opening);
  const end = before.indexOf(closing, start);
  if (start === -1 || end === -1) throw new Error(`README.md has no ${opening} … ${closing}`);
  writeFileSync(file, `${before.slice(0, start + opening.length)}\n\n${text}\n${before.slice(end)}`);
}

function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
