// `npm run bench:outages`: two gateways under steady traffic while PostgreSQL, then Redis, is frozen, killed, or cut off for a minute.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { clientKeyText } from '../src/core/client-key-text.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { isTrue, readTruth, type Truth } from './lib/ledger-truth.ts';
import { beginOpenLoop, type Ask, type Sample } from './lib/open-loop.ts';
import { model, openGround, type SharedGround } from './lib/shared-ground.ts';
import { quantile } from './lib/statistics.ts';
import { readSetting } from './report/machine.ts';

/** What the line that this bench draws is. */
const bounds = { addedP99Ms: 50, longestMs: 1000 } as const;
const answerMs = 5;
const besideMs = 15_000;
/** The compiler has the first seconds. */
const warmUpMs = 5000;
const noticeMs = 20_000;
/** The keys were read so shortly ago that a gateway may say of one that there is none such. */
const freshMs = 2000;
/** A start without PostgreSQL ends by itself; one without Redis does not wait for it. */
const startMs = 15_000;
/** Each tenth request is by a key with a budget, and every two seconds one is by a key that nobody knows. */
const budgetedEach = 10;
const strangerEachMs = 2000;

const stores = ['postgres', 'redis'] as const;
type Store = (typeof stores)[number];

/** How a store goes away, and comes back. */
const ways = {
  frozen: {
    begin: ({ [0]: ground, [1]: store }: Cut) => ground[store].signal('SIGSTOP'),
    end: ({ [0]: ground, [1]: store }: Cut) => ground[store].signal('SIGCONT'),
  },
  killed: {
    begin: ({ [0]: ground, [1]: store }: Cut) => ground[store].signal('SIGKILL'),
    end: ({ [0]: ground, [1]: store }: Cut) => ground[store].restart(),
  },
  'cut off': {
    begin: ({ [0]: ground, [1]: store }: Cut) => ground.lines?.[store].swallow(),
    end: ({ [0]: ground, [1]: store }: Cut) => ground.lines?.[store].heal(),
  },
} as const;
type Cut = readonly [ground: SharedGround, store: Store];
type Way = keyof typeof ways;

/** A store's name in `/ready`. */
const told: Readonly<Record<Store, string>> = { postgres: 'database', redis: 'redis' };

interface Moments {
  readonly beganAtMs: number;
  readonly cutAtMs: number;
  /** All gateways say that the store is away. */
  readonly openAtMs: number;
  readonly startAtMs: number;
  readonly healedAtMs: number;
  readonly wellAtMs: number;
}

interface Outcome {
  readonly store: Store;
  readonly way: Way;
  readonly moments: Moments;
  readonly samples: readonly Sample[];
  readonly started: string;
  readonly isStartRight: boolean;
  readonly truth: Truth;
}

async function until(what: string, limitMs: number, isSo: () => Promise<boolean>): Promise<number> {
  const beganAtMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - beganAtMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(50);
  }
  return performance.now();
}

async function isTold(url: string, store: Store): Promise<boolean> {
  const { degraded = [] } = (await (await fetch(`${url}/ready`)).json()) as { degraded?: string[] };
  return degraded.includes(told[store]);
}

/** How a gateway starts while the store is away: what became of it, and whether that is right. */
async function startWithout(ground: SharedGround, store: Store, key: string): Promise<[string, boolean]> {
  const beganAtMs = performance.now();
  const took = (): string => `${((performance.now() - beganAtMs) / 1000).toFixed(1)} s`;
  try {
    const gateway = await ground.startGateway();
    const url = `${gateway.readyText}/v1/chat/completions`;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const { status } = await fetch(url, { method: 'POST', headers, body });
    const isAway = await isTold(gateway.readyText, store);
    await gateway.stop();
    return [`serves: ${status}`, store === 'redis' && status === 200 && isAway];
  } catch (error) {
    const isSaid = (error as Error).message.includes('the database');
    const isSoon = performance.now() - beganAtMs < startMs;
    return [`ends after ${took()}${isSaid ? ' with a sentence' : ''}`, store === 'postgres' && isSaid && isSoon];
  }
}

const body = JSON.stringify({ model, max_tokens: 50, messages: [{ role: 'user', content: 'one two three' }] });

async function play(
  ground: SharedGround,
  [store, way]: readonly [Store, Way],
  keys: { readonly plain: string; readonly paid: { readonly id: string; readonly key: string } },
): Promise<Outcome> {
  const { gateways } = ground;
  const all = async (wanted: boolean): Promise<boolean> =>
    (await Promise.all(gateways.map((url) => isTold(url, store)))).every((is) => is === wanted);
  const strangerEach = (perSecond * strangerEachMs) / 1000;
  const loop = beginOpenLoop(perSecond, body, (n): Ask => {
    const url = gateways[Math.floor(Math.random() * gateways.length)] ?? '';
    if (n % strangerEach === strangerEach - 1) return { url, key: clientKeyText(randomBytes(32)), asked: 'stranger' };
    return n % budgetedEach === 0
      ? { url, key: keys.paid.key, asked: 'paid' }
      : { url, key: keys.plain, asked: 'plain' };
  });
  await sleep(warmUpMs);
  const beganAtMs = performance.now();
  await sleep(besideMs);
  const cutAtMs = performance.now();
  ways[way].begin([ground, store]);
  const openAtMs = await until(`${store} ${way} is told`, noticeMs, () => all(true));
  await sleep(Math.max(cutAtMs + outageMs - performance.now(), 0));
  const startAtMs = performance.now();
  const [started, isStartRight] = await startWithout(ground, store, keys.plain);
  const healedAtMs = performance.now();
  await ways[way].end([ground, store]);
  const wellAtMs = await until(`${store} is back`, noticeMs, () => all(false));
  await sleep(besideMs);
  await loop.stop();
  const mayBeOver = mayBeOverOf(store, way);
  const truth = await readTruth(ground, { keyId: keys.paid.id, mayBeOver });
  const moments = { beganAtMs, cutAtMs, openAtMs, startAtMs, healedAtMs, wellAtMs };
  return { store, way, moments, samples: loop.samples, started, isStartRight, truth };
}

/** Where Redis has forgotten all, what was spent in the last second before the ledger was read may count twice. */
function mayBeOverOf(store: Store, way: Way): number {
  return store === 'redis' && way === 'killed' ? perSecond / budgetedEach : 0;
}

/** What one outage came to, and which lines it has broken. */
function judge({ store, way, moments, samples, started, isStartRight, truth }: Outcome): {
  readonly row: string;
  readonly broken: readonly string[];
} {
  const { beganAtMs, cutAtMs, openAtMs, startAtMs, healedAtMs, wellAtMs } = moments;
  const known = samples.filter(({ asked }) => asked !== 'stranger');
  const between = (list: readonly Sample[], fromMs: number, toMs: number): Sample[] =>
    list.filter(({ startedAtMs }) => startedAtMs >= fromMs && startedAtMs < toMs);
  const p99 = (fromMs: number, toMs: number): number =>
    quantile(
      between(known, fromMs, toMs)
        .map(({ tookMs }) => tookMs)
        .toSorted((a, b) => a - b),
      0.99,
    );
  const before = p99(beganAtMs, cutAtMs);
  const during = p99(openAtMs, startAtMs);
  const after = p99(wellAtMs, Infinity);
  const most = (fromMs: number, toMs: number): number =>
    Math.max(0, ...between(known, fromMs, toMs).map(({ tookMs }) => tookMs));
  const longest = most(cutAtMs, startAtMs);
  const unauthorized = known.filter(({ status }) => status === 401).length;
  const refused = known.filter(({ status, asked }) => status !== 200 && asked === 'plain');
  const paidElse = known.filter(
    ({ asked, status, outcome }) => asked === 'paid' && status !== 200 && outcome !== 'storage_unavailable',
  );
  const paidAway = between(known, cutAtMs, Infinity).filter(
    ({ asked, outcome }) => asked === 'paid' && outcome === 'storage_unavailable',
  );
  const strangers = outcomesOf(
    between(
      samples.filter(({ asked }) => asked === 'stranger'),
      Math.max(openAtMs, cutAtMs + freshMs),
      startAtMs,
    ),
  );
  // The keys are in PostgreSQL: without Redis a gateway knows very well who is unknown.
  const strangerIs = store === 'postgres' ? 'storage_unavailable' : 'invalid_client_key';
  const lines: readonly (readonly [isKept: boolean, line: string])[] = [
    [during - before <= bounds.addedP99Ms, `p99 grew by ${(during - before).toFixed(0)} ms`],
    [longest <= bounds.longestMs, `a request took ${longest.toFixed(0)} ms`],
    [unauthorized === 0, `${unauthorized} requests of known keys were answered 401`],
    [refused.length === 0, `requests of a key without a budget were not served: ${outcomesOf(refused)}`],
    [paidElse.length === 0, `requests of a key with a budget were answered otherwise: ${outcomesOf(paidElse)}`],
    [
      store === 'redis' || paidAway.length === 0,
      `${paidAway.length} requests of a key with a budget were not served without PostgreSQL`,
    ],
    [strangers.split(' ')[1] === strangerIs && !strangers.includes(','), `unknown keys were answered ${strangers}`],
    [isStartRight, `a gateway started meanwhile ${started}`],
    [isTrue(truth, mayBeOverOf(store, way)), `ledger and counters: ${JSON.stringify(truth)}`],
  ];
  const figures = [before, during, during - before, after, most(cutAtMs, openAtMs), most(openAtMs, startAtMs)].map(
    (ms) => ms.toFixed(0),
  );
  const counterOff = ((truth.counterOff ?? NaN) / truth.eachNanoUsd).toFixed(0);
  const off = [truth.missing, truth.twice, truth.sumsOff[0], counterOff];
  const seconds = [openAtMs - cutAtMs, wellAtMs - healedAtMs].map((ms) => (ms / 1000).toFixed(1));
  const cells = [
    `${store} ${way}`,
    ...seconds,
    ...figures,
    `${unauthorized}`,
    `${paidAway.length}`,
    strangers,
    started,
    `${truth.served}`,
    ...off.map(String),
  ];
  return {
    row: `| ${cells.join(' | ')} |\n`,
    broken: lines.filter(([isKept]) => !isKept).map(([, line]) => `${store} ${way}: ${line}`),
  };
}

/** `30 invalid_client_key, 1 429` */
function outcomesOf(samples: readonly Sample[]): string {
  const counts = Map.groupBy(samples, ({ outcome }) => outcome);
  return [...counts].map(([outcome, list]) => `${list.length} ${outcome}`).join(', ');
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '100' },
    gateways: { type: 'string', default: '2' },
    /** Only outages with this word in their name: `redis`, `killed`. */
    only: { type: 'string', default: '' },
  },
});
const perSecond = Number(values.rate);
const outageMs = Number(values.seconds) * 1000;
endOnSignal();
const { date, cpu, cores, node, gateway, loadBefore } = readSetting({});
const columns = [
  'outage',
  'noticed s',
  'well again s',
  'p99 before',
  'p99 in it',
  'added ms',
  'p99 after',
  'longest until noticed',
  'longest then',
  '401s',
  'budget: 503s',
  'unknown key',
  'a start',
  'served',
  'rows missing',
  'twice',
  'sums off',
  'counter off, requests',
];
process.stdout.write(
  `${date}, ${cpu}, ${cores} cores, Node.js ${node}, aigateway ${gateway}, load before ${loadBefore}\n` +
    `${values.gateways} gateways, ${perSecond} requests a second in all, each outage ${values.seconds} s\n\n` +
    `| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}\n`,
);
const broken: string[] = [];
for (const store of stores) {
  for (const way of Object.keys(ways) as Way[]) {
    if (!`${store} ${way}`.includes(values.only)) continue;
    await using ground = await openGround({ gateways: Number(values.gateways), hasLines: true, answerMs });
    const plain = await ground.makeKey({ rpm: 1e8, tpm: 1e10, max_concurrency: 10_000 });
    const paid = await ground.makeKey({ rpm: 1e8, budget: { amount: '100000.00' } });
    const found = judge(await play(ground, [store, way], { plain: plain.key, paid }));
    process.stdout.write(found.row);
    broken.push(...found.broken);
  }
}
process.stdout.write(broken.length === 0 ? '\nevery line is kept\n' : `\n${broken.join('\n')}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;
