// The composition root: settings → objects → listen → drain. The only file that knows the concrete classes.
import { join } from 'node:path';
import { watchClientKeys } from './configuration/client-key-watch.ts';
import { buildConfiguration } from './configuration/snapshot.ts';
import { watchConfiguration } from './configuration/watch.ts';
import { isLoopbackHost } from './core/local-caller.ts';
import type { Settings } from './core/settings.ts';
import { StartError } from './core/start-error.ts';
import { TokenRatios } from './core/token-ratio.ts';
import { bodyLimits, type BodyLimits } from './gateway/admit.ts';
import { explain } from './gateway/explain.ts';
import { Gateway } from './gateway/gateway.ts';
import { refuseStranger } from './gateway/stranger.ts';
import { Lifecycle } from './http/lifecycle.ts';
import { listen } from './http/listen.ts';
import { createHttpServer } from './http/server.ts';
import { openLedger, type Ledger, type LedgerParts } from './ledger/ledger.ts';
import { SpendingQuestions } from './ledger/spending-questions.ts';
import { ledgerWords } from './ledger/words.ts';
import { systemClock, systemTimeHold } from './lib/clock.ts';
import { FailureMeter } from './lib/failure-meter.ts';
import { LoopTurn } from './lib/loop-turn.ts';
import { memoryLimitBytes } from './lib/memory.ts';
import { Uses } from './lib/uses.ts';
import { AuditTrail } from './management/audit-trail.ts';
import { Limiter } from './limits/limiter.ts';
import { managementAtFirstCall } from './management/at-first-call.ts';
import { poolMemory, recall, remember } from './pool/memory.ts';
import { Pool } from './pool/pool.ts';
import { PoolSharing } from './pool/sharing.ts';
import { RetryBudgets } from './pool/retry-budget.ts';
import { WaitingRooms } from './pool/waiting-room.ts';
import { endpoints } from './providers/openai/endpoints.ts';
import { modelPrefixes } from './providers/registry.ts';
import { openSharedState } from './shared-state/open-shared-state.ts';
import { databaseFile, openStorage } from './storage/open-storage.ts';
import { retentionOf } from './storage/ledger-maintenance.ts';
import type { Storage } from './storage/storage.ts';
import { logBench } from './telemetry/bench-log.ts';
import { openLog, type Log } from './telemetry/log.ts';
import { openMetrics } from './telemetry/metrics.ts';
import { logRequest } from './telemetry/request-log.ts';
import { ThreadEstimator } from './tokens/estimator.ts';
import { askBooks } from './upstream/books.ts';
import { probe } from './upstream/probe.ts';
import { http1Upstream } from './upstream/http1/http1-upstream.ts';
import { openVault, proofIn } from './vault/vault.ts';
import { syncedWithSiblings, withSiblings, type Siblings } from './workers/siblings.ts';

const probeTimeoutMs = 20_000;
const booksTimeoutMs = 60_000;
const noteStateEveryMs = 10_000;
/** Requests with a wrong client key that one address may make in a minute before it is told to wait. */
const failedKeysPerMinute = 60;

/** What is not as usual: parts that a benchmark leaves out, to tell what they cost, or that a test looks at. */
export interface Replaced {
  /** Takes the lines of the log. */
  readonly log?: { write(line: string): void };
  readonly openLedger?: (parts: LedgerParts) => Promise<Ledger>;
  /** The other workers of the same start, where it is not alone. */
  readonly siblings?: Siblings;
}

/** A gateway that runs. */
export interface RunningGateway {
  readonly url: string;
  /** Requests that are being served. */
  readonly underWay: () => number;
  /** Drains, closes everything, and resolves when the last line is written. */
  stop(): Promise<void>;
}

/** Starts the gateway, waits for `announce` with its URL before any log line is written; rejects with a sentence for the person who tried. */
export async function startGateway(
  settings: Settings,
  announce: (url: string) => unknown,
  replaced: Replaced = {},
): Promise<RunningGateway> {
  if (settings.ADMIN_TOKEN === undefined && !isLoopbackHost(settings.HOST)) {
    throw new StartError(
      `AIGATEWAY_HOST is ${settings.HOST}, which others can reach, so AIGATEWAY_ADMIN_TOKEN is needed: 32 characters or more ("openssl rand -hex 32" makes one)`,
    );
  }
  const { LOG_LEVEL, LOG_FORMAT } = settings;
  const log = openLog(LOG_LEVEL, LOG_FORMAT, { other: replaced.log, worker: replaced.siblings?.number });
  const storage = await openStorage(settings);
  try {
    const running = await startWith(settings, storage, log, replaced);
    await announce(running.url);
    log.release();
    return running;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function startWith(given: Settings, storage: Storage, log: Log, replaced: Replaced): Promise<RunningGateway> {
  const { logger } = log;
  const { siblings } = replaced;
  const memoryBytes = memoryLimitBytes() / (siblings?.count ?? 1);
  const settings: Settings & BodyLimits = { ...given, LOG_FORMAT: log.form, ...bodyLimits(given, memoryBytes) };
  const clock = systemClock;
  const vault = await openVault(settings.ENCRYPTION_KEY, settings.DATA_DIR, proofIn(storage));
  const trail = await AuditTrail.open(storage, clock);
  const notNoted = (error: unknown): void => logger.warn({ err: error }, 'a change from outside could not be noted');
  const tell = (well: string, trouble: string) => (error: Error | string | undefined) => {
    if (error === undefined) logger.info(well);
    else logger.error({ err: error }, trouble);
  };
  const pool = new Pool((account, bench) => logBench(log, account, bench));
  let told: ReadonlySet<string> = new Set();
  const configuration = await watchConfiguration({
    storage,
    clock,
    build: (rows, before) => buildConfiguration(rows, vault, before),
    onRevision: (revision) => void trail.noteOutside(revision).catch(notNoted),
    onChange(changed) {
      pool.apply(changed);
      for (const problem of changed.problems)
        if (!told.has(problem)) logger.warn({ problem }, 'the configuration is not in force as it is written');
      told = new Set(changed.problems);
    },
    onTrouble: tell(
      'the database answers again',
      'the database does not answer; the gateway goes on with what it knows',
    ),
  });
  const clientKeys = await watchClientKeys({
    store: storage.clientKeys,
    notices: storage,
    clock,
    onRevision: (revision) => void trail.noteOutsideKeys(revision).catch(notNoted),
    onProblem: (problem) => logger.warn({ problem }, 'client key left out'),
    onTrouble: tell(
      'the client keys can be read again',
      'the client keys cannot be read; those known work on, others are told to wait',
    ),
  });
  if (clientKeys.isEmpty && !isLoopbackHost(settings.HOST))
    logger.warn('there is no client key yet, so /v1 serves nobody; create one: aigateway keys create --name NAME');
  recall(pool, (await storage.readNote(poolMemory)) ?? '', clock.nowMs());
  const ledger = await (replaced.openLedger ?? openLedger)({
    databaseUrl:
      settings.DATABASE_URL.kind === 'postgres' ? settings.DATABASE_URL.reveal() : `sqlite:${databaseFile(settings)}`,
    root: join(settings.DATA_DIR, 'spool'),
    clock,
    retention: retentionOf(settings),
    onTrouble: (where, error) => tell(ledgerWords[where].well, ledgerWords[where].trouble)(error),
  });
  const isDatabaseAway = (): boolean => !configuration.isFresh() || ledger.status().isDatabaseAway;
  const startedAtMs = clock.nowMs();
  const shared = await openSharedState({
    url: settings.REDIS_URL,
    line: siblings?.line,
    isOpenWithoutRedis: settings.BUDGET_WITHOUT_REDIS === 'open',
    clock,
    gatewayId: ledger.spool,
    history: new SpendingQuestions(ledger, {
      spending: (keyIds, fromMs) => storage.reports.spending(keyIds, fromMs, startedAtMs),
      spendingOfSpool: (spool, keyId, period) => storage.reports.spendingOfSpool(spool, keyId, period),
      isAway: isDatabaseAway,
    }),
    onTrouble: tell('Redis answers again', 'Redis does not answer; the gateway keeps to its share of the limits'),
  });
  const sharing =
    shared.pools === undefined ? undefined : await PoolSharing.begin({ pool, exchange: shared.pools, clock });
  const turn = new LoopTurn(systemTimeHold);
  const upstream = http1Upstream(settings.CONNECT_TIMEOUT_MS, turn);
  const lifecycle = new Lifecycle();
  const metrics = openMetrics({
    running: () => lifecycle.running,
    load: () => gateway.load,
    ledger: () => ledger.status(),
    hasAccount: (id) => pool.member(id) !== undefined,
    benched: () => pool.benched(clock.nowMs()),
    isRedisAway: shared.isRedisAway,
    siblings,
  });
  const failedKeys = new FailureMeter(failedKeysPerMinute);
  /** When accounts and client keys were last used, as far as that is not noted. */
  const [accountUses, keyUses] = [new Uses(), new Uses()];
  const estimator = new ThreadEstimator(clock, (error) =>
    logger.warn({ err: error }, 'tokens could not be counted and were guessed'),
  );
  const gateway = new Gateway({
    settings,
    endpoints,
    modelPrefixes,
    configuration: () => configuration.current(),
    clientKeys,
    failedKeys,
    limiter: new Limiter({
      state: shared.limits,
      prices: () => configuration.current().prices,
      clock,
      queueTimeoutMs: settings.QUEUE_TIMEOUT_MS,
      countPrompt: (body, encoding) => estimator.countExactly('largest_prompt', encoding, body),
      onPassed({ requestId, keyId, limit, mode }) {
        metrics.limitPassed(limit, mode);
        if (mode === 'shadow')
          logger.info({ request_id: requestId, key_id: keyId, limit }, 'a limit that is only watched was passed');
      },
    }),
    pool,
    rooms: new WaitingRooms(pool, clock, Math.random),
    retries: new RetryBudgets(),
    upstream,
    estimator,
    ratios: new TokenRatios(),
    clock,
    random: Math.random,
    refuseStranger: (exchange) => refuseStranger(settings.HOST, exchange),
    intend: (record) => ledger.intend(record),
    keepTranscript: (transcript) => ledger.keep(transcript),
    onSettled(record, error) {
      if (record.keyId !== null) keyUses.set(record.keyId, record.createdAtMs);
      ledger.settle(record);
      logRequest(log, record, error);
      metrics.observe(record);
    },
  });
  const degraded = (): string[] => [
    ...(isDatabaseAway() || !clientKeys.isFresh() ? ['database'] : []),
    ...(shared.isRedisAway() === true ? ['redis'] : []),
    ...(ledger.status().isSpoolInTrouble ? ['ledger_disk'] : []),
  ];
  const reload = (): Promise<unknown> => Promise.all([configuration.reload(), clientKeys.reload()]);
  const sync = (): Promise<void> => ledger.sync();
  siblings?.present({ report: () => metrics.report(), degraded, reload, sync });
  const server = createHttpServer({
    serve: (exchange) => gateway.serve(exchange),
    management: managementAtFirstCall({
      storage,
      trail,
      vault,
      configuration: withSiblings(configuration, siblings),
      clientKeys,
      keyUses,
      failedKeys,
      pool,
      probe: (provider, account, credential) => probe(upstream, provider, account, credential, probeTimeoutMs),
      ledger: { sync: syncedWithSiblings(sync, siblings) },
      askBooks: (provider, adminKey, path) => askBooks(upstream, provider, adminKey, path, booksTimeoutMs),
      explain: (body) => explain({ configuration: () => configuration.current(), modelPrefixes, pool, clock }, body),
      settings,
      clock,
      log: logger,
    }),
    metrics: () => metrics.collect(),
    degraded: () => [...new Set([...degraded(), ...(siblings?.degraded ?? [])])],
    lifecycle,
    turn,
    clock,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    maxConnections: settings.MAX_CONNECTIONS,
    onConnectionRefused: () => metrics.countRefusedConnection(),
    isLocal: isLoopbackHost(settings.HOST),
  });
  const noteState = async (): Promise<void> => {
    for (const [id, atMs] of pool.takeUses()) accountUses.set(id, atMs);
    try {
      const areUsed = await accountUses.handOver((uses) => storage.noteUse(uses));
      await keyUses.handOver((uses) => storage.clientKeys.noteUse(uses));
      if (areUsed || lifecycle.state === 'draining') await storage.writeNote(poolMemory, remember(pool, clock.nowMs()));
    } catch (error) {
      logger.warn({ err: error }, 'the live state of accounts and the use of client keys could not be noted');
    }
  };
  const stateTimer = setInterval(() => void noteState(), noteStateEveryMs);
  const close = async (): Promise<void> => {
    clearInterval(stateTimer);
    configuration.stop();
    clientKeys.stop();
    sharing?.stop();
    await shared.close();
    await ledger.close();
  };
  const stop = async (): Promise<void> => {
    await lifecycle.drain(server, clock, settings.DRAIN_TIMEOUT_MS);
    await gateway.stop();
    await estimator.close();
    await gateway.booked();
    await noteState();
    await upstream.close();
    await close();
    await storage.close();
    await log.flush();
  };
  const url = await listen(server.server, settings, siblings !== undefined).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  lifecycle.open();
  return { url, underWay: () => lifecycle.running, stop };
}
