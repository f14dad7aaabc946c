// The metrics in Prometheus' form. Labels take few values: nothing that a client may invent becomes one.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RequestRecord } from '../core/record.ts';

const durationBucketsSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Counts what the data plane does. */
export interface Metrics {
  observe(record: RequestRecord): void;
  collect(): Promise<{ readonly text: string; readonly type: string }>;
}

/** Opens the metrics; `running` tells how many requests are under way. */
export function openMetrics(running: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counter({
    name: 'aigateway_requests_total',
    help: 'Client requests that are over.',
    labelNames: ['endpoint', 'status', 'outcome'],
    registers,
  });
  const attempts = new Counter({
    name: 'aigateway_attempts_total',
    help: 'Upstream attempts that are over.',
    labelNames: ['provider_id', 'account_id', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'aigateway_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer.',
    labelNames: ['endpoint'],
    buckets: durationBucketsSeconds,
    registers,
  });
  const firstByte = new Histogram({
    name: 'aigateway_first_byte_seconds',
    help: 'From the arrival of a request to the first byte of its answer.',
    labelNames: ['endpoint'],
    buckets: durationBucketsSeconds,
    registers,
  });
  const tokens = new Counter({
    name: 'aigateway_tokens_total',
    help: 'Tokens that attempts used, as upstreams reported them or estimated.',
    labelNames: ['provider_id', 'kind', 'source'],
    registers,
  });
  const inFlight = new Gauge({
    name: 'aigateway_requests_in_flight',
    help: 'Client requests under way.',
    registers,
  });
  return {
    observe(record) {
      const { endpoint } = record;
      requests.inc({ endpoint, status: record.status ?? 0, outcome: record.outcome });
      duration.observe({ endpoint }, record.durationMs / 1000);
      if (record.firstByteMs !== null) firstByte.observe({ endpoint }, record.firstByteMs / 1000);
      for (const { providerId, accountId, outcome, usage, usageSource: source } of record.attempts) {
        attempts.inc({ provider_id: providerId, account_id: accountId, outcome });
        if (usage === null) continue;
        tokens.inc({ provider_id: providerId, kind: 'prompt', source }, usage.prompt_tokens);
        tokens.inc({ provider_id: providerId, kind: 'completion', source }, usage.completion_tokens);
      }
    },
    async collect() {
      inFlight.set(running());
      return { text: await registry.metrics(), type: registry.contentType };
    },
  };
}
