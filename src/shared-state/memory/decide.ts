// The decision over all limits of a key: which of them a request does not fit into, and for how long.
import type { ClientKey } from '../../core/client-key.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Demand, Obstacle } from '../limit-state.ts';
import type { Purse } from './purse.ts';
import type { SlidingWindow } from './sliding-window.ts';

/** What is counted of a key. */
export interface Counted {
  readonly window: SlidingWindow;
  readonly inFlight: number;
}

/** How much of the key's limits there is here: all of it, so the key itself, or a share where several gateways serve it. */
export interface Room {
  readonly rpm: number | null;
  readonly tpm: number | null;
  readonly maxConcurrency: number | null;
  readonly budget: { readonly amountNanoUsd: NanoUsd } | null;
}

const none: readonly Obstacle[] = [];

/** How many tokens must be free. A request that wants more than the whole limit is let in when nothing else counts: however large its estimate, it is not refused for ever. */
export function tokensNeeded({ tpm }: ClientKey, { tokens }: Demand): number {
  return tpm === null ? tokens : Math.min(tokens, tpm);
}

/** The limits that the request does not fit into. */
export function obstaclesOf(
  key: ClientKey,
  demand: Demand,
  counted: Counted,
  purse: Purse | undefined,
  room: Room,
  nowMs: number,
): readonly Obstacle[] {
  let found: Obstacle[] | undefined;
  const { rpm, tpm, maxConcurrency, budget } = room;
  if (rpm !== null && counted.window.sum('requests', nowMs) + 1 > rpm) {
    (found ??= []).push({ limit: 'requests', waitMs: counted.window.waitMs('requests', rpm, 1, nowMs) });
  }
  const tokens = tokensNeeded(key, demand);
  if (tpm !== null && counted.window.sum('tokens', nowMs) + tokens > tpm) {
    (found ??= []).push({ limit: 'tokens', waitMs: counted.window.waitMs('tokens', tpm, tokens, nowMs) });
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
