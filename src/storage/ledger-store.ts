// The ledger as the database holds it: a row a request, a row an attempt, and sums by quarter of an hour.
import type { Period } from '../core/period.ts';
import type { NanoUsd } from '../core/price.ts';
import type { Outcome } from '../core/record.ts';
import type { TokenUsage, UsageSource } from '../core/usage.ts';
import type { LedgerMaintenance, Retention } from './ledger-maintenance.ts';
import type { TranscriptRow } from './transcripts.ts';

/** One request. Times are ms since the epoch, durations ms. */
export interface LedgerRequestRow extends TokenUsage {
  /** Begins with `created_at_ms`, see lib/id.ts: what is asked for by time is found by id. */
  readonly id: string;
  readonly created_at_ms: number;
  readonly endpoint: string;
  /** As the client asked for it; null where the body named none. */
  readonly model: string | null;
  readonly key_id: string | null;
  readonly is_stream: boolean;
  readonly status: number | null;
  readonly outcome: Outcome;
  readonly error_code: string | null;
  /** `none`: the usage columns are 0 because nothing is known. */
  readonly usage_source: UsageSource;
  readonly cost_nano_usd: NanoUsd | null;
  readonly queued_ms: number;
  readonly ttft_ms: number | null;
  /** Null while the request runs, and for ever where its end was never heard of. */
  readonly duration_ms: number | null;
  readonly chosen_because: string | null;
  readonly body_bytes: number;
  readonly answer_bytes: number;
}

/** One attempt of a request. */
export interface LedgerAttemptRow extends TokenUsage {
  readonly request_id: string;
  readonly n: number;
  readonly account_id: string;
  readonly provider_id: string;
  /** As it was sent to the provider. */
  readonly model: string;
  readonly status: number | null;
  readonly outcome: Outcome;
  readonly failure: string | null;
  readonly started_at_ms: number;
  readonly ttft_ms: number | null;
  readonly duration_ms: number | null;
  readonly usage_source: UsageSource;
  /** The upstream's `usage` object as it came, JSON text. */
  readonly raw_usage: string | null;
  readonly service_tier: string | null;
  /** The answer's `x-request-id`: what the upstream's own support asks for. */
  readonly upstream_request_id: string | null;
  /** The most that it could cost, as it was reserved of its client key's budget; null where there is none. */
  readonly reserved_nano_usd: NanoUsd | null;
  readonly cost_nano_usd: NanoUsd | null;
  readonly price_id: string | null;
}

/** A request with its attempts, in order. */
export interface LedgerEntry {
  readonly request: LedgerRequestRow;
  /** Whose money it spent of its key's budget; null or absent where there is none, and in what comes from the database. */
  readonly period?: Period | null;
  readonly attempts: readonly LedgerAttemptRow[];
}

/** How far a spool has been taken over: everything before this place is in the database. */
export interface SpoolPosition {
  readonly segment: number;
  readonly offsetBytes: number;
}

/** A stretch of a spool. */
export interface LedgerPart {
  readonly entries: readonly LedgerEntry[];
  /** How far the spool is taken over with it. */
  readonly position: SpoolPosition;
}

/** What one transaction brings. */
export interface LedgerBatch extends LedgerPart {
  readonly spool: string;
  /** What comes next and is to be in the same transaction; made when it is asked for, so that it need not be held. */
  readonly more?: () => LedgerPart | undefined;
}

/** The writing side of the ledger; lives in the ledger's own thread. Rejects with a `StorageError` where the database does not answer. */
export interface LedgerStore {
  /** Where to go on with a spool; its beginning where it was never seen. */
  position(spool: string): Promise<SpoolPosition>;
  /**
   * Writes all entries and the last position in one transaction. An entry that is there already and was final stays as it
   * is; one whose end was unknown is replaced. So a batch may come twice and counts once.
   */
  append(batch: LedgerBatch): Promise<void>;
  /** Writes transcripts, all or none: those whose client key says at this moment that they be kept. */
  keepTranscripts(rows: readonly TranscriptRow[]): Promise<void>;
  /** Notes that a spool is taken over to its end: what its gateway has spent is known from now on. */
  conclude(spool: string, nowMs: number): Promise<void>;
  /** Forgets a spool that no gateway wrote. */
  forget(spool: string): Promise<void>;
  /** Opens the maintenance of the same database; it ends before the store does. */
  openMaintenance(retention: Retention): Promise<LedgerMaintenance>;
  close(): Promise<void>;
}
