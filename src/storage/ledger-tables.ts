// The tables of the ledger as SQL sees them.
import type { Tables } from './columns.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';
import type { SpendingIncrement } from './spending-increments.ts';
import type { UsageIncrement, UsageSums } from './usage-increments.ts';

/** All tables, the ledger's included. */
export interface LedgerTables extends Tables {
  readonly requests: Omit<LedgerRequestRow, 'is_stream'> & { readonly is_stream: boolean | number };
  readonly attempts: LedgerAttemptRow;
  /** Which accounts a request was tried on, with all that requests are filtered by. */
  readonly request_accounts: {
    readonly account_id: string;
    readonly request_id: string;
    readonly model: string | null;
    readonly key_id: string | null;
    readonly outcome: string;
  };
  /** The requests of each client key, in the embedded database alone: others have an index in place of it. */
  readonly request_keys: {
    readonly key_id: string;
    readonly request_id: string;
    readonly model: string | null;
    readonly outcome: string;
  };
  /** In the embedded database alone: up to which id the two before hold every request; after it they hold none. */
  readonly listed_requests: { readonly until_id: string };
  readonly usage_quarters: UsageIncrement;
  /** Sums over the span of their kind, of the dimensions that it has; '' in those that it has not. */
  readonly usage_folds: UsageSums & {
    readonly fold: number;
    readonly start_ms: number;
    readonly model: string;
    readonly upstream_model: string;
    readonly account_id: string;
    readonly key_id: string;
  };
  /** How far the spool of each gateway is taken over; `over_at_ms`: when it was to its end, null before. */
  readonly spools: {
    readonly spool: string;
    readonly segment: number;
    readonly offset_bytes: number;
    readonly over_at_ms: number | null;
  };
  readonly spool_spending: SpendingIncrement & { readonly spool: string };
  readonly usage_fold_kinds: {
    readonly fold: number;
    readonly span_ms: number;
    readonly has_model: boolean | number;
    readonly has_account: boolean | number;
    readonly has_key: boolean | number;
    readonly until_ms: number;
  };
}

/** The name of the note of the moment before which requests have been deleted: ms since the epoch, in digits. */
export const deletedUntilNote = 'ledger_deleted_until_ms';

/** What tells the rows of the folds apart. */
export const foldGroupColumns = ['fold', 'start_ms', 'model', 'upstream_model', 'account_id', 'key_id'] as const;
