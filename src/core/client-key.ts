// A client's key: who may ask for what, how much and for how much money.
import type { NanoUsd } from './price.ts';

/** Money that a key may spend in each period; the period begins at midnight (of Monday, of the first) in its time zone. */
export interface Budget {
  readonly amountNanoUsd: NanoUsd;
  readonly period: 'day' | 'week' | 'month' | 'none';
  /** An IANA name: `Europe/Berlin`. */
  readonly timeZone: string;
}

/** What happens where a limit is passed: the request is refused, or only logged and counted. */
export type LimitMode = 'enforce' | 'shadow';

/** A client's key, as the data plane sees it. The key itself is nowhere: only its hash is kept. */
export interface ClientKey {
  readonly id: string;
  readonly name: string;
  /** Models that it may ask for, `*` stands for anything; empty: all. */
  readonly models: readonly string[];
  /** Requests in any sliding minute; null: no limit. */
  readonly rpm: number | null;
  /** Tokens in any sliding minute, prompt and completion together. */
  readonly tpm: number | null;
  /** Requests at the same time. */
  readonly maxConcurrency: number | null;
  readonly budget: Budget | null;
  /** The mode of its limits (requests, tokens, concurrency), and of its budget. */
  readonly limitsMode: LimitMode;
  readonly budgetMode: LimitMode;
  /** Whether a key with a budget may use a model whose price is not known. */
  readonly allowsUnpriced: boolean;
  /** ms since the epoch; null: never. */
  readonly expiresAtMs: number | null;
}
