// What counts on when a worker is gone: its counters and histograms, without which the sums would fall.
import type { MetricReport, MetricValue } from '../core/metric-report.ts';

/** What of a report is still true when nobody counts any more. */
export function lastingOf(report: readonly MetricReport[]): readonly MetricReport[] {
  return report.filter(({ type }) => type === 'counter' || type === 'histogram');
}

/** The sums of two reports that last. */
export function sumOf(a: readonly MetricReport[], b: readonly MetricReport[]): readonly MetricReport[] {
  const byName = new Map(a.map((metric) => [metric.name, metric]));
  for (const metric of b) {
    const known = byName.get(metric.name);
    const values = known === undefined ? metric.values : sumOfValues(known.values, metric.values);
    byName.set(metric.name, { ...metric, values });
  }
  return [...byName.values()];
}

function sumOfValues(a: readonly MetricValue[], b: readonly MetricValue[]): readonly MetricValue[] {
  const sums = new Map<string, MetricValue>();
  for (const value of [...a, ...b]) {
    const key = `${value.metricName ?? ''} ${JSON.stringify(Object.entries(value.labels).sort())}`;
    const known = sums.get(key);
    sums.set(key, known === undefined ? value : { ...known, value: known.value + value.value });
  }
  return [...sums.values()];
}
