// The reading side of the ledger: requests by filter, and usage summed by time and dimension.
import type { OurSums } from '../core/books.ts';
import type { Period } from '../core/period.ts';
import type { NanoUsd } from '../core/price.ts';
import type { Outcome } from '../core/record.ts';
import type { Span } from '../lib/time-zone.ts';
import type { LedgerEntry } from './ledger-store.ts';
import type { sumColumns } from './usage-increments.ts';

/** Which requests: those that all of the given things are true of. */
export interface RequestFilter {
  /** As the client asked for it. */
  readonly model?: string | undefined;
  /** The account of any of its attempts. */
  readonly accountId?: string | undefined;
  readonly keyId?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** Made at this moment or later, ms since the epoch. */
  readonly fromMs?: number | undefined;
  /** Made before this moment. */
  readonly toMs?: number | undefined;
}

/** What usage can be told apart by, besides time. */
export const usageDimensions = ['model', 'upstream_model', 'account_id', 'key_id'] as const;

export type UsageDimension = (typeof usageDimensions)[number];

/** What to sum. */
export interface UsageQuery {
  /** Of requests made in this stretch of time. */
  readonly span: Span;
  /** Cuts the stretch up, in order and without gaps; absent: it is one whole. It may be asked for a shorter one. */
  readonly buckets?: ((span: Span) => Iterable<Span>) | undefined;
  readonly dimensions: readonly UsageDimension[];
  /** Only of these client keys, at least one. */
  readonly keyIds?: readonly string[] | undefined;
  /** Only groups after this one. */
  readonly after?: UsageGroup | undefined;
}

/** What the members of a row have in common. */
export interface UsageGroup {
  /** The beginning of the bucket; null where the query has none. */
  readonly bucketMs: number | null;
  /** In the order of the query's dimensions; '' stands for "none". */
  readonly values: readonly string[];
}

/** A sum as decimal digits: it may exceed what a number holds exactly. */
export type SumText = string;

/** A group and its sums. */
export interface UsageReportRow extends UsageGroup {
  readonly sums: Readonly<Record<(typeof sumColumns)[number], SumText>>;
}

/** Sums are asked for of a part of a quarter of an hour whose requests have been deleted. */
export class DeletedRequestsError extends Error {
  override readonly name = 'DeletedRequestsError';
  /** Requests made before this have been deleted, ms since the epoch. */
  readonly untilMs: number;

  constructor(untilMs: number) {
    super(`the requests made before ${new Date(untilMs).toISOString()} have been deleted`);
    this.untilMs = untilMs;
  }
}

/** Reads the ledger without keeping anyone else from the database. Rejects with a `StorageError` where that does not answer. */
export interface LedgerReports {
  /** The newest first, only those before `beforeId` when it is given. */
  listRequests(filter: RequestFilter, limit: number, beforeId?: string): Promise<LedgerEntry[]>;
  getRequest(id: string): Promise<LedgerEntry | undefined>;
  /**
   * The groups that have any request or attempt, in order of bucket and values, some at a time; `enough` is how many
   * the caller can use. Throws a `DeletedRequestsError` where a bound of the query needs rows that are gone.
   */
  usage(query: UsageQuery, enough: number): AsyncIterable<readonly UsageReportRow[]>;
  /**
   * Client key → the cost of its requests that were made at `fromMs` or later; none that has spent nothing. Attempts whose
   * cost is not known count with what was reserved for them: those that used something, and those without an end, if
   * their request was made before `lostBeforeMs` and so belongs to a process that is no more.
   */
  spending(keyIds: readonly string[], fromMs: number, lostBeforeMs: number): Promise<ReadonlyMap<string, NanoUsd>>;
  /**
   * The cost of a client key's requests in a period of its budget that the gateway with this spool has served, counted in
   * the same way; undefined as long as the spool is not taken over to its end.
   */
  spendingOfSpool(spool: string, keyId: string, period: Period): Promise<NanoUsd | undefined>;
  /**
   * The attempts that began in a stretch of whole UTC days, summed by day, account and model as it was sent. Throws a
   * `DeletedRequestsError` where rows of it are gone.
   */
  attemptSums(span: Span): Promise<OurSums[]>;
}
