// When the guard fails: pure, so that it can be tested without a clock.
import { spreadOf } from './lib/statistics.ts';

/** What is guarded → sets of rounds → the gateway's cost divided by the baseline's. */
export type Ratios = Readonly<Record<string, readonly (readonly number[])[]>>;

/** What came of one guarded number. */
export interface Verdict {
  readonly name: string;
  readonly ratio: number;
  readonly isOver: boolean;
  /** A line for people. */
  readonly text: string;
}

/** How much a ratio may grow over the recorded one. */
export const tolerance = 0.25;

/** Each number's best set by its median: other load on the machine makes a set worse, hardly ever better. */
export function verdictOf(ratios: Ratios, recorded: Readonly<Record<string, number>>): Verdict[] {
  return Object.entries(ratios).map(([name, sets]) => {
    const medians = sets.map((rounds) => spreadOf(rounds).median);
    const ratio = Math.min(...medians);
    const before = recorded[name];
    const isOver = !(before !== undefined && ratio <= before * (1 + tolerance));
    const shown = medians.map((median) => median.toFixed(2)).join(', ');
    const measured = `CPU per ${name}: ${ratio.toFixed(2)} times the bare passthrough's (sets: ${shown})`;
    const bound = before === undefined ? '' : `; recorded ${before}, allowed ${(before * (1 + tolerance)).toFixed(2)}`;
    const text = `${measured}${bound}${before !== undefined && isOver ? ': TOO MUCH' : ''}`;
    return { name, ratio, isOver, text };
  });
}
