// Plays scenarios, several at a time, each on a rig of its own, and gives a verdict on each.
import type { ChaosRig } from './rig.ts';
import type { Outcome, Scenario } from './scenario.ts';
import type { Mode, Scene } from './scene.ts';

/** How many are played at a time: enough to fill the waits, few enough to keep time true. */
const atATime = 6;

/** A scenario that was played in one mode. */
export interface Played extends Outcome {
  readonly scenario: string;
  readonly mode: Mode;
  readonly verdict: 'ok' | 'failed';
}

/** What the run needs, and who hears of it. */
export interface RunParts {
  readonly start: (scene: Scene) => Promise<ChaosRig>;
  /** Called after each, with how many are done of how many. */
  readonly onPlayed: (played: Played, done: number, total: number) => void;
}

/** Plays all of them in all their modes; the answer is in the order of the scenarios. */
export async function playAll(scenarios: readonly Scenario[], parts: RunParts): Promise<Played[]> {
  const jobs = scenarios.flatMap((scenario) => scenario.modes.map((mode) => ({ scenario, mode })));
  const waiting = [...jobs.keys()].sort((a, b) => Number(jobs[b]?.scenario.isLong) - Number(jobs[a]?.scenario.isLong));
  const played = new Map<number, Played>();
  const worker = async (): Promise<void> => {
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
      const job = jobs[at];
      if (job === undefined) continue;
      const result = await playOne(job.scenario, job.mode, parts.start);
      played.set(at, result);
      parts.onPlayed(result, played.size, jobs.length);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return [...jobs.keys()].flatMap((at) => played.get(at) ?? []);
}

async function playOne(scenario: Scenario, mode: Mode, start: RunParts['start']): Promise<Played> {
  const outcome = await outcomeOf(scenario, mode, start);
  const problems = [
    ...outcome.problems,
    ...(outcome.duplicates > 0 ? [`${outcome.duplicates} times the client got something twice`] : []),
  ];
  return { ...outcome, problems, scenario: scenario.name, mode, verdict: problems.length === 0 ? 'ok' : 'failed' };
}

/** A scenario that cannot be played to its end has failed too. */
async function outcomeOf(scenario: Scenario, mode: Mode, start: RunParts['start']): Promise<Outcome> {
  try {
    await using rig = await start(scenario.scene(mode));
    return await scenario.play(rig, mode);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { clientSaw: 'not played to its end', requests: 0, attempts: 0, duplicates: 0, problems: [problem] };
  }
}
