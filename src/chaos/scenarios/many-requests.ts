// Many requests while something stays broken: what the upstream is spared, and how traffic returns when it is well again.
import { setTimeout as delay } from 'node:timers/promises';
import { ask, type Sight } from '../ask.ts';
import { describeSight, duplicatesIn, problemsOf } from '../judge.ts';
import type { ChaosRig, UpstreamCall } from '../rig.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { bothModes, type Mode } from '../scene.ts';

/** How long the primary model is down, in place of a minute. */
const outageMs = 8000;
const returnLimitMs = 30_000;
/** Requests that come all at once while nothing works. */
const outageRequests = 320;

/** The scenarios of many requests. */
export const manyRequestScenarios: readonly Scenario[] = [
  {
    name: 'key out of credit',
    modes: bothModes,
    scene: () => ({ fault: '429-insufficient-quota' }),
    async play(rig, mode) {
      const sights = await askInTurn(rig, mode, 20);
      const asked = faultyCalls(rig).length;
      return outcomeOf(rig, sights, [
        ...notWhole(sights),
        ...(asked === 1 ? [] : [`the account was asked ${asked} times in one bench period, not once`]),
      ]);
    },
  },
  {
    name: 'burst of 500s on one account',
    modes: bothModes,
    scene: () => ({ fault: '500' }),
    async play(rig, mode) {
      const sights = await askInTurn(rig, mode, 12);
      const asked = faultyCalls(rig).length;
      return outcomeOf(rig, sights, [
        ...notWhole(sights),
        ...(asked <= 5 ? [] : [`the account was asked ${asked} times although its circuit opens after 5 failures`]),
      ]);
    },
  },
  {
    name: 'primary model down and back',
    modes: bothModes,
    isLong: true,
    scene: () => ({
      fault: { fault: '500', until_ms: outageMs },
      afflicts: 'the model',
      fallbacks: 'another provider',
    }),
    play: downAndBack,
  },
  // Failing at once, the circuits spare the upstream; failing late, all are under way by then and only the retry budget does.
  ...[
    { name: 'total outage, failing at once', fault: '500' },
    { name: 'total outage, failing late', fault: 'silence-before-headers' },
  ].map(({ name, fault }): Scenario => ({
    name,
    modes: bothModes,
    scene: () => ({ fault, afflicts: 'every account' }),
    play: playOutage,
  })),
];

async function askInTurn(rig: ChaosRig, mode: Mode, count: number): Promise<Sight[]> {
  const sights: Sight[] = [];
  while (sights.length < count) sights.push(await ask(rig, mode));
  return sights;
}

/** Asks all the time: through the outage, until the primary has served five times in a row again. */
async function downAndBack(rig: ChaosRig, mode: Mode): Promise<Outcome> {
  rig.beginAnew();
  const startedAt = performance.now();
  const sights: Sight[] = [];
  let byFallback = 0;
  let inRow = 0;
  let returnedMs: number | undefined;
  let hasOpened = false;
  while (inRow < 5 && performance.now() - startedAt < outageMs + returnLimitMs) {
    const sight = await ask(rig, mode);
    sights.push(sight);
    const isPrimary = sight.headers['x-aigateway-provider'] === rig.primaryId;
    if (!isPrimary) byFallback += 1;
    // Served by the fallback in one attempt: the primary was not even asked.
    if (!isPrimary && sight.headers['x-aigateway-attempts'] === '1') hasOpened = true;
    inRow = isPrimary ? inRow + 1 : 0;
    if (inRow === 1) returnedMs = performance.now() - startedAt - outageMs;
    await delay(50);
  }
  const failures = rig.calls().filter(({ status }) => status === 500).length;
  return outcomeOf(rig, sights, [
    ...notWhole(sights),
    ...(byFallback > 0 ? [] : ['the fallback never served']),
    ...(hasOpened ? [] : ['the circuit never opened']),
    ...(failures <= 12 ? [] : [`the broken model was called ${failures} times`]),
    ...(inRow === 5 && (returnedMs ?? 0) <= returnLimitMs ? [] : ['traffic did not return within 30 s']),
  ]);
}

async function playOutage(rig: ChaosRig, mode: Mode): Promise<Outcome> {
  const sights = await Promise.all(Array.from({ length: outageRequests }, () => ask(rig, mode)));
  // Each provider by itself: to a fallback's the requests that come over are no retries.
  const calls = Map.groupBy(rig.calls(), ({ providerId }) => providerId);
  const most = sights.length * 1.2;
  const mute = sights.filter(({ status, error }) => error === undefined || status === undefined || status < 500);
  return outcomeOf(rig, sights, [
    ...[...calls]
      .filter(([, { length }]) => length > most)
      .map(([id, { length }]) => `${id} saw ${length} calls for ${sights.length} requests`),
    ...(mute.length === 0 ? [] : [`${mute.length} clients did not see an error, the first saw ${firstOf(mute)}`]),
  ]);
}

function faultyCalls(rig: ChaosRig): UpstreamCall[] {
  return rig.calls().filter(({ key }) => key === 'faulty');
}

function notWhole(sights: readonly Sight[]): string[] {
  const failed = sights.filter((sight) => problemsOf({ sees: 'whole answer' }, sight).length > 0);
  return failed.length === 0
    ? []
    : [`${failed.length} clients did not get the answer, the first saw ${firstOf(failed)}`];
}

function firstOf([first]: readonly Sight[]): string {
  return first === undefined ? 'nothing' : describeSight(first);
}

function outcomeOf(rig: ChaosRig, sights: readonly Sight[], problems: readonly string[]): Outcome {
  const calls = rig.calls();
  const tally = new Map<string, number>();
  for (const sight of sights) {
    const what = describeSight(sight);
    tally.set(what, (tally.get(what) ?? 0) + 1);
  }
  return {
    clientSaw: [...tally].map(([what, count]) => `${count} × ${what}`).join('; '),
    requests: sights.length,
    attempts: calls.length,
    duplicates: sights.reduce((sum, sight) => sum + duplicatesIn(sight, calls), 0),
    problems,
  };
}
