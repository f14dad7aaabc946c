// How much of its limits each client key has used: the counters that several gateways would share, as an interface.
import type { ClientKey } from '../core/client-key.ts';
import type { Period } from '../core/period.ts';
import type { NanoUsd } from '../core/price.ts';

/** What can stand against a request. */
export type LimitName = 'requests' | 'tokens' | 'concurrency' | 'budget';

/** What a request is expected to take. */
export interface Demand {
  /** Tokens by the best guess, prompt and completion together. */
  readonly tokens: number;
  /** The most that its first attempt can cost. */
  readonly nanoUsd: NanoUsd;
  /** The period whose money it spends; null for a key without a budget. */
  readonly period: Period | null;
  /** When the request is surely over: what it holds then is taken from it. */
  readonly expiresAtMs: number;
}

/** A limit that a request does not fit into. */
export interface Obstacle {
  readonly limit: LimitName;
  /** After so many ms it fits if nothing else comes; null where that cannot be known. */
  readonly waitMs: number | null;
}

/** How a budget stands in one period. */
export interface Money {
  readonly spentNanoUsd: NanoUsd;
  /** Held for requests under way. */
  readonly reservedNanoUsd: NanoUsd;
}

/** What a request really took. */
export interface Taken {
  /** False: nothing of it reached an upstream, so it does not count as a request. */
  readonly countsAsRequest: boolean;
  readonly tokens: number;
  readonly nanoUsd: NanoUsd;
}

/** What an admitted request holds of its key's limits: an owner, an expiry, and one end. */
export interface Hold {
  /** Raises what is held of the budget to `nanoUsd` in all; false, and nothing changed, where there is not that much. */
  cover(nanoUsd: NanoUsd): boolean | Promise<boolean>;
  /** Nothing of the request runs any more: its place is free. The second call does nothing. */
  release(): void;
  /** Books the truth in place of the reservation; the place is freed by `release` alone. The second call does nothing. */
  settle(taken: Taken): void;
}

/** The decision about a request: all that it needs is held, or nothing is. */
export type Decision =
  /** `passed`: obstacles in limits that are only watched. */
  | { readonly isAdmitted: true; readonly hold: Hold; readonly passed: readonly Obstacle[] }
  | {
      readonly isAdmitted: false;
      readonly obstacles: readonly Obstacle[];
      /** Null for a key without a budget. */
      readonly money: Money | null;
    };

/** How one window of a key stands. */
export interface WindowStanding {
  /** Counted in the last minute; may be more than the limit. */
  readonly used: number;
  /** Until nothing of it counts any more. */
  readonly resetMs: number;
}

/** How the windows of a key stand. */
export interface Standing {
  readonly requests: WindowStanding;
  readonly tokens: WindowStanding;
}

/** Money that a key has spent, from the ledger: what survives a restart. */
export interface SpendingHistory {
  /**
   * The cost of all requests of the key that were made at `fromMs` or later and are over, those not yet written
   * included; attempts whose cost nobody knows count with what was reserved for them. Requests that now run in this
   * process are left out. Rejects where the ledger cannot tell.
   */
  spentSince(keyId: string, fromMs: number): Promise<NanoUsd>;
  /**
   * The same for the requests of one gateway that is no more, those of this very period; undefined where that gateway
   * runs, or what it left has not been found.
   */
  spentByGone(gatewayId: string, keyId: string, period: Period): Promise<NanoUsd | undefined>;
  /** Resolves when all that is over by now is where every gateway's `spentSince` finds it. */
  sync(): Promise<void>;
}

/**
 * The counters. Every call that can be answered without a store is answered at once; the others give a promise, and
 * ask the store at most once.
 */
export interface LimitState {
  /** One decision over all limits of the key, by the limits as the key now has them. Rejects where the spending is not known. */
  reserve(key: ClientKey, demand: Demand): Decision | Promise<Decision>;
  /** How the key's budget stands in a period, as far as this gateway knows. Rejects where the spending is not known. */
  money(key: ClientKey, period: Period): Money | Promise<Money>;
  /** How the key's windows stand, as far as this gateway knows. */
  standing(keyId: string): Standing;
  /** Calls back whenever money of the key may have become free; the answer takes the listener back. */
  onFreed(keyId: string, listener: () => void): () => void;
}
