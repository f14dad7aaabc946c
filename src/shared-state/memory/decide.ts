// The decision over all limits of a key: which of them a request does not fit into, and for how long.
import type { ClientKey } from '../../core/client-key.ts';
import type { Demand, Obstacle } from '../limit-state.ts';
import type { Purse } from './purse.ts';
import type { SlidingWindow } from './sliding-window.ts';

/** What is counted of a key. */
export interface Counted {
  readonly requests: SlidingWindow;
  readonly tokens: SlidingWindow;
  readonly inFlight: number;
}

const none: readonly Obstacle[] = [];

/**
 * The limits that the request does not fit into. One that wants more tokens than the whole limit is let in when nothing
 * else counts: however large its estimate, it is not refused for ever.
 */
export function obstaclesOf(
  key: ClientKey,
  demand: Demand,
  counted: Counted,
  purse: Purse | undefined,
  nowMs: number,
): readonly Obstacle[] {
  let found: Obstacle[] | undefined;
  const { rpm, tpm, maxConcurrency, budget } = key;
  if (rpm !== null && counted.requests.sum(nowMs) + 1 > rpm) {
    (found ??= []).push({ limit: 'requests', waitMs: counted.requests.waitMs(rpm, 1, nowMs) });
  }
  if (tpm !== null && counted.tokens.sum(nowMs) + Math.min(demand.tokens, tpm) > tpm) {
    (found ??= []).push({ limit: 'tokens', waitMs: counted.tokens.waitMs(tpm, demand.tokens, nowMs) });
  }
  if (maxConcurrency !== null && counted.inFlight >= maxConcurrency) {
    (found ??= []).push({ limit: 'concurrency', waitMs: null });
  }
  if (budget !== null && purse !== undefined && !purse.fits(demand.nanoUsd, budget.amountNanoUsd)) {
    const { endMs } = purse.period;
    (found ??= []).push({ limit: 'budget', waitMs: Number.isFinite(endMs) ? endMs - nowMs : null });
  }
  return found ?? none;
}

/** Whether passing the limit is refused, or only watched. */
export function isEnforced(key: ClientKey, { limit }: Obstacle): boolean {
  return (limit === 'budget' ? key.budgetMode : key.limitsMode) === 'enforce';
}
