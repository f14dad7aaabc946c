// What the shares of all keys have in common: the clock, the ledger, the other gateways, and the way to ask Redis.
import type { Period } from '../../core/period.ts';
import type { Clock } from '../../lib/clock.ts';
import type { SpendingHistory } from '../limit-state.ts';
import type { ShareAnswer, ShareQuestion } from './share-script.ts';

/** The store, as one key sees it. */
export interface ShareStore {
  readonly clock: Clock;
  readonly history: SpendingHistory;
  /** Whether decisions are made without it: it does not answer, or has just come back and does not know all yet. */
  readonly isAway: boolean;
  /** Ms since Redis last answered. */
  readonly silentMs: number;
  /** Gateways as they were seen last, this one included. */
  readonly gateways: number;
  /** Whether budgets are open while nobody knows what was spent. */
  readonly isOpenWithoutRedis: boolean;
  /** Rejects where Redis does not answer; `period` is that of the money that is asked for. */
  ask(
    keyId: string,
    period: Period | undefined,
    question: Omit<ShareQuestion, 'gatewayId' | 'nowMs'>,
  ): Promise<ShareAnswer>;
  /** These gateways have been silent for too long with money of the key in hand. */
  onGone(keyId: string, period: Period, gatewayIds: readonly string[]): void;
  /** The key has something to tell or to renew, at its shares' `dueAtMs`. */
  onBusy(keyId: string): void;
}

/** Nobody can say what the key has spent. */
export function spendingUnknown(): Error {
  return new Error('what gateways share does not answer, so nobody knows what the key has spent');
}
