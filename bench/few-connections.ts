// `npm run bench:few-connections`: four gateways on a PostgreSQL of twenty connections, each asked 500 times a second with one key, for a minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runSql } from '../test/support/postgres.ts';
import type { Target } from './job.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { floodBeside } from './lib/flood-beside.ts';
import { isTrue, readTruth } from './lib/ledger-truth.ts';
import { floodModel, openGround, type SharedGround } from './lib/shared-ground.ts';
import type { FloodReport } from './programs/flood.ts';
import { readSetting } from './report/machine.ts';

const maxConnections = 20;
const gateways = 4;
/** As the page on PostgreSQL says. */
const mostEach = 4;
/** Open to each gateway: more requests than this are not under way at a time, and what is due waits for its turn. */
const clientConnections = 64;
const answerMs = 20;
/** How long the last answers are waited for. */
const patienceMs = 30_000;
const lookEveryMs = 100;

/** What ends on the server because it had no place, or because two waited for each other. */
const trouble = /deadlock|too many clients|connection slots|FATAL/gu;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, rate: { type: 'string', default: '500' } },
});
const perSecond = Number(values.rate);
const durationMs = Number(values.seconds) * 1000;

function targetOf(url: string, key: string): Target {
  const { hostname: host, port } = new URL(url);
  return {
    host,
    port: Number(port),
    path: '/v1/chat/completions',
    keys: [key],
    modelPrefix: 'openai/',
    isVerbatim: true,
  };
}

/** Looks at the server until it is stopped; the greatest number of connections that the gateways had. */
function watchConnections({ databaseUrl }: SharedGround): { stop(): Promise<number> } {
  const state = { isOver: false, most: 0 };
  const watching = (async () => {
    while (!state.isOver) {
      const [row] = await runSql(
        databaseUrl,
        "SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'gateway' AND backend_type = 'client backend'",
      );
      state.most = Math.max(state.most, Number(row?.['n']));
      await sleep(lookEveryMs);
    }
  })();
  return {
    async stop() {
      state.isOver = true;
      await watching;
      return state.most;
    },
  };
}

function sumOf(reports: readonly FloodReport[]): {
  readonly sent: number;
  readonly broken: number;
  readonly statuses: string;
  readonly served: number;
} {
  const statuses: Record<string, number> = {};
  for (const report of reports)
    for (const [status, count] of Object.entries(report.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
  return {
    sent: reports.reduce((sum, { sent }) => sum + sent, 0),
    broken: reports.reduce((sum, { broken }) => sum + broken, 0),
    served: statuses['200'] ?? 0,
    statuses: Object.entries(statuses)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', '),
  };
}

endOnSignal();
const { date, cpu, cores, node, gateway, loadBefore } = readSetting({});
process.stdout.write(
  `${date}, ${cpu}, ${cores} cores, Node.js ${node}, aigateway ${gateway}, load before ${loadBefore}\n` +
    `${gateways} gateways, max_connections=${maxConnections}, ${perSecond} requests a second to each for ${values.seconds} s\n\n`,
);
const postgresSettings = [`max_connections=${maxConnections}`];
await using ground = await openGround({ gateways, postgresSettings, hasLines: false, answerMs });
// A budget too: what is spent is asked of the database.
const { id, key } = await ground.makeKey({ rpm: 1e9, max_concurrency: 10_000, budget: { amount: '1000000.00' } });
const watch = watchConnections(ground);
const reports = await Promise.all(
  ground.gateways.map((url) =>
    floodBeside({
      target: targetOf(url, key),
      model: floodModel,
      connections: clientConnections,
      perSecond,
      durationMs,
      patienceMs,
    }),
  ),
);
const truth = await readTruth(ground, { keyId: id, mayBeOver: 0 });
const most = await watch.stop();
const [row] = await runSql(
  ground.databaseUrl,
  'SELECT deadlocks, xact_commit, xact_rollback FROM pg_stat_database WHERE datname = current_database()',
);
const logged = [...ground.postgres.log().matchAll(trouble)].map(([word]) => word);
const { sent, broken, served, statuses } = sumOf(reports);
const seconds = durationMs / 1000;
const ofEach = (of: (report: FloodReport) => number): string => reports.map((one) => of(one).toFixed(0)).join(', ');
const figures: readonly (readonly [what: string, figure: string])[] = [
  ['offered, requests a second', `${gateways * perSecond}`],
  ['sent and answered 200, a second', `${(sent / seconds).toFixed(0)}, ${(served / seconds).toFixed(0)}`],
  ['due and never sent: every connection waited', `${gateways * perSecond * seconds - sent}`],
  ['answers', statuses],
  ['p50 of each gateway, ms', ofEach(({ p50Ms }) => p50Ms)],
  ['p99 of each gateway, ms', ofEach(({ p99Ms }) => p99Ms)],
  ['connections to a gateway that broke', `${broken}`],
  ['connections to PostgreSQL, at most', `${most}`],
  [
    'transactions, rolled back, deadlocks',
    ['xact_commit', 'xact_rollback', 'deadlocks'].map((name) => Number(row?.[name])).join(', '),
  ],
  ['in the log of PostgreSQL', logged.length === 0 ? 'nothing' : logged.join(', ')],
  ['attempts on record less calls that the upstream had', `${truth.rowsOff}`],
  ['rows missing, twice, sums off', `${truth.missing}, ${truth.twice}, ${truth.sumsOff[0]}`],
  ['counter of Redis less the ledger, nano-dollars', `${truth.counterOff}`],
  ['ledger complete after the last answer, s', (truth.afterMs / 1000).toFixed(1)],
];
process.stdout.write(`| what | figure |\n| --- | ---: |\n`);
for (const [what, figure] of figures) process.stdout.write(`| ${what} | ${figure} |\n`);
const isKept =
  Number(row?.['deadlocks']) === 0 &&
  logged.length === 0 &&
  broken === 0 &&
  most <= gateways * mostEach &&
  Object.keys(reports.reduce((all, { statuses: own }) => ({ ...all, ...own }), {})).every((status) =>
    ['200', '429', '503'].includes(status.slice(0, 3)),
  ) &&
  isTrue(truth);
process.stdout.write(isKept ? '\nevery line is kept\n' : '\na line is broken\n');
process.exitCode = isKept ? 0 : 1;
