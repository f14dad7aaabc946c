// The metrics in Prometheus' form. Labels take few values: what a client may invent becomes none, but for some models without a price.
import type { Account } from '../core/account.ts';
import type { FailureKind } from '../core/failure.ts';
import type { MetricReport } from '../core/metric-report.ts';
import type { RequestRecord } from '../core/record.ts';
import { Distribution, Tally, type TallyOf } from './tallies.ts';
import { FewNames } from './few-names.ts';
import { collectDefaults, Counter, Gauge, Registry, sumOf } from './prometheus.ts';

const nanoPerUsd = 1e9;
/** An upstream has served and counted them, so they are few; but one that takes any name would make a label of each. */
const unpricedModels = 50;
const durationBucketsSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** The statuses that HTTP has registered (iana.org/assignments/http-status-codes), each stretch with its end. */
const registeredStatuses = new Set(
  [
    [200, 208],
    [226, 226],
    [300, 308],
    [400, 418],
    [421, 426],
    [428, 429],
    [431, 431],
    [451, 451],
    [500, 508],
    [510, 511],
  ].flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, n) => from + n)),
);

/** Counts what the data plane does. */
export interface Metrics {
  observe(record: RequestRecord): void;
  /** A connection beyond `MAX_CONNECTIONS` was closed. */
  countRefusedConnection(): void;
  /** A request did not fit into a limit of its client key: refused, or only noted. */
  limitPassed(limit: string, mode: string): void;
  /** The text for Prometheus: of all workers, where there are several. */
  collect(): Promise<{ readonly text: string; readonly type: string }>;
  /** What this process has measured. */
  report(): Promise<readonly MetricReport[]>;
}

/** What is asked when the metrics are read. */
export interface MetricSources {
  /** Requests under way. */
  readonly running: () => number;
  /** What those hold: attempts, places in the queue for accounts, bytes of bodies. */
  readonly load: () => { readonly attempts: number; readonly waiting: number; readonly bodyBytes: number };
  /** Whether there still is such an account: what is told of one that is gone is told once more, and then no longer. */
  readonly hasAccount: (id: string) => boolean;
  /** The accounts that get no requests, and why. */
  readonly benched: () => readonly { readonly account: Account; readonly kind: FailureKind }[];
  /** Undefined where no Redis is used. */
  readonly isRedisAway: () => boolean | undefined;
  readonly ledger: () => {
    readonly waitingBytes: number;
    readonly lostLines: number;
    readonly lostTranscripts: number;
    readonly isSpoolInTrouble: boolean;
    readonly isDatabaseAway: boolean;
  };
  /** The other workers; undefined where there are none. */
  readonly siblings:
    | { gather(own: readonly MetricReport[]): Promise<readonly (readonly MetricReport[])[]> }
    | undefined;
}

/** Opens the metrics. */
export function openMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  collectDefaults(registry);
  const registers = [registry];
  const registered = <Kind extends Tally | Distribution>(metric: Kind): Kind => {
    // The registry asks a metric for its name and its numbers, and for nothing else.
    registry.registerMetric(metric as unknown as InstanceType<typeof Counter>);
    return metric;
  };
  const counter = (of: TallyOf): Tally => registered(new Tally(of));
  const durations = (of: TallyOf): Distribution => registered(new Distribution(of, durationBucketsSeconds));
  const requests = counter({
    name: 'aigateway_requests_total',
    help: 'Client requests that are over.',
    labelNames: ['endpoint', 'status', 'outcome'],
  });
  const attempts = counter({
    name: 'aigateway_attempts_total',
    help: 'Upstream attempts that are over.',
    labelNames: ['provider_id', 'account_id', 'outcome'],
  });
  const duration = durations({
    name: 'aigateway_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer.',
    labelNames: ['endpoint'],
  });
  const firstByte = durations({
    name: 'aigateway_first_byte_seconds',
    help: 'From the arrival of a request to the first byte of its answer.',
    labelNames: ['endpoint'],
  });
  const tokens = counter({
    name: 'aigateway_tokens_total',
    help: 'Tokens that attempts used, as upstreams reported them or estimated.',
    labelNames: ['provider_id', 'kind', 'source'],
  });
  const cost = counter({
    name: 'aigateway_cost_usd_total',
    help: 'What attempts cost by the prices in force, in US dollars. For bills read the ledger: it is exact.',
    labelNames: ['provider_id', 'account_id'],
  });
  const unpriced = counter({
    name: 'aigateway_unpriced_tokens_total',
    help: `Tokens of models whose price is not known: they are missing in every sum of costs. After ${unpricedModels} models the others are "other".`,
    labelNames: ['provider_id', 'model'],
  });
  const unpricedNames = new FewNames(unpricedModels);
  const ledgerWaiting = new Gauge({
    name: 'aigateway_ledger_waiting_bytes',
    help: 'Lines of the ledger that are on disk and not in the database yet.',
    registers,
  });
  const ledgerLost = new Gauge({
    name: 'aigateway_ledger_lost_requests',
    help: 'Ends of requests that neither the disk nor the memory could hold; their attempts are on record as unknown.',
    registers,
  });
  const transcriptsLost = new Gauge({
    name: 'aigateway_transcripts_lost',
    help: 'Transcripts that were not kept because too many were on their way, or because the database did not take them.',
    registers,
  });
  const ledgerTrouble = new Gauge({
    name: 'aigateway_ledger_trouble',
    help: '1 while the disk of the spool is full or broken (where="spool"), or the database takes nothing (where="database").',
    labelNames: ['where'],
    aggregator: 'max',
    registers,
  });
  const accountBenched = new Gauge({
    name: 'aigateway_account_benched',
    help: '1 while an account gets no requests for the reason named: a refused key, an empty balance.',
    labelNames: ['provider_id', 'account_id', 'reason'],
    aggregator: 'max',
    registers,
  });
  const redisAway = new Gauge({
    name: 'aigateway_redis_away',
    help: '1 while Redis does not answer and the gateway keeps to its share of the limits.',
    aggregator: 'max',
    registers: sources.isRedisAway() === undefined ? [] : registers,
  });
  const limitsPassed = new Counter({
    name: 'aigateway_limits_passed_total',
    help: 'Requests that did not fit into a limit of their client key; mode is enforce where they were refused, shadow where that was only noted.',
    labelNames: ['limit', 'mode'],
    registers,
  });
  const refusedConnections = new Counter({
    name: 'aigateway_connections_refused_total',
    help: 'Connections that were closed at once because there were as many as there may be.',
    registers,
  });
  const inFlight = new Gauge({
    name: 'aigateway_requests_in_flight',
    help: 'Client requests under way.',
    registers,
  });
  const attemptsInFlight = new Gauge({
    name: 'aigateway_attempts_in_flight',
    help: 'Upstream attempts under way.',
    registers,
  });
  const waiting = new Gauge({
    name: 'aigateway_requests_waiting',
    help: 'Requests that wait for an account that is throttled or busy.',
    registers,
  });
  const bodyBytes = new Gauge({
    name: 'aigateway_body_bytes_in_flight',
    help: 'Request bodies in memory and large answers that are held, of MAX_BODY_BYTES_IN_FLIGHT.',
    registers,
  });
  new Gauge({
    name: 'aigateway_workers',
    help: 'Workers whose numbers are in these metrics.',
    registers: sources.siblings === undefined ? [] : registers,
  }).set(1);
  const look = (): void => {
    inFlight.set(sources.running());
    const load = sources.load();
    attemptsInFlight.set(load.attempts);
    waiting.set(load.waiting);
    bodyBytes.set(load.bodyBytes);
    const ledger = sources.ledger();
    ledgerWaiting.set(ledger.waitingBytes);
    ledgerLost.set(ledger.lostLines);
    transcriptsLost.set(ledger.lostTranscripts);
    ledgerTrouble.set({ where: 'spool' }, Number(ledger.isSpoolInTrouble));
    ledgerTrouble.set({ where: 'database' }, Number(ledger.isDatabaseAway));
    accountBenched.reset();
    for (const { account, kind } of sources.benched())
      accountBenched.set({ provider_id: account.providerId, account_id: account.id, reason: kind }, 1);
    redisAway.set(Number(sources.isRedisAway() ?? false));
  };
  const forgetTheGone = (): void => {
    for (const tally of [attempts, cost])
      tally.keep(({ account_id: accountId }) => sources.hasAccount(String(accountId)));
  };
  const report = async (): Promise<readonly MetricReport[]> => {
    look();
    const metrics = (await registry.getMetricsAsJSON()) as unknown as readonly MetricReport[];
    forgetTheGone();
    return metrics;
  };
  return {
    report,
    observe(record) {
      const { endpoint } = record;
      const status = record.status ?? 0;
      // An upstream may answer with any number.
      requests.add(1, endpoint, status === 0 || registeredStatuses.has(status) ? status : 'other', record.outcome);
      duration.add(record.durationMs / 1000, endpoint);
      if (record.firstByteMs !== null) firstByte.add(record.firstByteMs / 1000, endpoint);
      for (const attempt of record.attempts) {
        const { providerId, accountId, outcome, usage, usageSource: source, costNanoUsd } = attempt;
        attempts.add(1, providerId, accountId, outcome);
        if (usage === null) continue;
        if (costNanoUsd === null) unpriced.add(usage.total_tokens, providerId, unpricedNames.of(attempt.model));
        else cost.add(costNanoUsd / nanoPerUsd, providerId, accountId);
        tokens.add(usage.prompt_tokens, providerId, 'prompt', source);
        tokens.add(usage.completion_tokens, providerId, 'completion', source);
      }
    },
    countRefusedConnection: () => refusedConnections.inc(),
    limitPassed(limit, mode) {
      limitsPassed.inc({ limit, mode });
    },
    async collect() {
      look();
      const { siblings } = sources;
      const type = registry.contentType;
      if (siblings === undefined) {
        const text = await registry.metrics();
        forgetTheGone();
        return { text, type };
      }
      const own = await report();
      const others = await siblings.gather(own);
      return { text: await sumOf([own, ...others]).metrics(), type };
    },
  };
}
