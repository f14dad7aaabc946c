// What the tests of the counters of client keys have in common: the keeper under test, and how it is asked.
import assert from 'node:assert/strict';
import type { ClientKey } from '../../src/core/client-key.ts';
import type { Period } from '../../src/core/period.ts';
import type { Demand, Hold, LimitState, Money, Obstacle, Taken } from '../../src/shared-state/limit-state.ts';

/** A keeper of counters and what a test holds it by. */
export interface LimitStateRig {
  readonly state: LimitState;
  nowMs(): number;
  advance(ms: number): Promise<void>;
  /** What the ledger says that the key has spent before; throws where it is an error. */
  ledger: (keyId: string, fromMs: number) => number;
  close(): Promise<void>;
}

export function demand(rig: LimitStateRig, part: Partial<Demand>): Demand {
  return { tokens: 0, nanoUsd: 0, period: null, expiresAtMs: rig.nowMs() + 3_600_000, ...part };
}

export async function admitted(rig: LimitStateRig, key: ClientKey, part: Partial<Demand> = {}): Promise<Hold> {
  const decision = await rig.state.reserve(key, demand(rig, part));
  assert.ok(decision.isAdmitted, JSON.stringify(decision));
  return decision.hold;
}

export async function refused(
  rig: LimitStateRig,
  key: ClientKey,
  part: Partial<Demand> = {},
): Promise<readonly Obstacle[]> {
  const decision = await rig.state.reserve(key, demand(rig, part));
  assert.ok(!decision.isAdmitted, 'it was admitted');
  return decision.obstacles;
}

export async function money(rig: LimitStateRig, key: ClientKey, period: Period): Promise<Money> {
  return rig.state.money(key, period);
}

export function taken(part: Partial<Taken> = {}): Taken {
  return { countsAsRequest: true, tokens: 0, nanoUsd: 0, ...part };
}

export function dayOf(rig: LimitStateRig): Period {
  const dayMs = 86_400_000;
  const startMs = Math.floor(rig.nowMs() / dayMs) * dayMs;
  return { startMs, endMs: startMs + dayMs };
}

/** Makes a test of what is to be done with a keeper of its own. */
export type RunWithRig = (run: (rig: LimitStateRig) => Promise<void>) => () => Promise<void>;

/** Opens a keeper for each test, and closes it. */
export function runWith(open: () => Promise<LimitStateRig>): RunWithRig {
  return (run) => async () => {
    const rig = await open();
    try {
      await run(rig);
    } finally {
      await rig.close();
    }
  };
}
