// A client's key: who may ask for what, how much and for how much money.
import type { NanoUsd } from './price.ts';

/** Money that a key may spend in each period; the period begins at midnight (of Monday, of the first) in its time zone. */
export interface Budget {
  readonly amountNanoUsd: NanoUsd;
  readonly period: 'day' | 'week' | 'month' | 'none';
  /** An IANA name: `Europe/Berlin`. */
  readonly timeZone: string;
  /** The revision since which the key has had a budget with these periods: what it spent before may be known to the ledger alone. */
  readonly inForceSince: number;
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
  /** Whether what is asked with it and answered is kept. */
  readonly keepsTranscripts: boolean;
  /** ms since the epoch; null: never. */
  readonly expiresAtMs: number | null;
}

/** What a key's text is known to stand for. */
export interface KnownKey {
  readonly key: ClientKey;
  /** False where the key is switched off or revoked. */
  readonly isActive: boolean;
  /** When this text no longer stands for the key, because a newer one has taken its place; ms since the epoch, null: never. */
  readonly replacedAtMs: number | null;
}

/** All client keys, held in memory: nothing here waits for a database. */
export interface ClientKeys {
  /** Whether there are none at all: one that is revoked, or that cannot be read, is one too. */
  readonly isEmpty: boolean;
  /** What is known of a key's text; takes the same time whoever guesses. */
  find(text: string): KnownKey | undefined;
  /** Whether all changes are known, but for those of the last two seconds. */
  isFresh(): boolean;
}

/** Whether a request that begins now may use the key. */
export function isUsable({ key, isActive, replacedAtMs }: KnownKey, nowMs: number): boolean {
  return (
    isActive && (key.expiresAtMs === null || nowMs < key.expiresAtMs) && (replacedAtMs === null || nowMs < replacedAtMs)
  );
}
