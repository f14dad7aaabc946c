// What one process has measured, as plain data that can be told to another and added up.

/** One number of a metric. */
export interface MetricValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Histograms have several names: buckets, sum, count. */
  readonly metricName?: string;
}

/** One metric. */
export interface MetricReport {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the numbers of several processes become one. */
  readonly aggregator: string;
  readonly values: readonly MetricValue[];
}
