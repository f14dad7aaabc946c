// What is known of a request when it is over: the source of the log line, the metrics and the ledger.
import type { GatewayError } from './errors.ts';
import type { FailureKind } from './failure.ts';
import type { Period } from './period.ts';
import type { NanoUsd } from './price.ts';
import type { TokenUsage, UsageSource } from './usage.ts';

/** How a request or an attempt ended. */
export type Outcome =
  | 'ok'
  | 'client_cancelled'
  | 'client_error'
  | 'upstream_error'
  | 'stream_interrupted'
  | 'rate_limited'
  | 'budget_exceeded'
  | 'timeout'
  | 'gateway_error'
  | 'unknown';

/** One try on one account. Times are ms since the epoch, durations ms. */
export interface AttemptRecord {
  readonly n: number;
  readonly accountId: string;
  readonly providerId: string;
  readonly model: string;
  readonly startedAtMs: number;
  status: number | null;
  outcome: Outcome;
  failure: FailureKind | null;
  /** Whether bytes of it may have reached the upstream: a retry could then be the second one it sees. */
  mayHaveReachedUpstream: boolean;
  firstByteMs: number | null;
  durationMs: number;
  usage: TokenUsage | null;
  usageSource: UsageSource;
  /** The upstream's `usage` object as it came, JSON text; null where it gave none. */
  rawUsage: string | null;
  /** The `service_tier` that the answer names. */
  serviceTier: string | null;
  /** The answer's `x-request-id`, which the upstream's support asks for. */
  upstreamRequestId: string | null;
  /** The most that it could cost, as it was reserved of its key's budget; null for a key without one. */
  reservedNanoUsd: NanoUsd | null;
  /** Null where tokens were used whose price is not known. */
  costNanoUsd: NanoUsd | null;
  /** The price that the cost was computed with. */
  priceId: string | null;
}

/**
 * The word of an attempt that is about to begin. It has to be kept before the attempt's first byte leaves: this sees to
 * that. Undefined where it is kept; else the error that the request ends with, and no byte may leave.
 */
export type Intent = () => GatewayError | undefined;

/** One request of a client, filled in as it goes. */
export interface RequestRecord {
  readonly id: string;
  readonly createdAtMs: number;
  readonly endpoint: string;
  model: string | null;
  keyId: string | null;
  /** Whose money it spends of its key's budget; null for a key without one, and before it is reserved. */
  budgetPeriod: Period | null;
  isStream: boolean;
  status: number | null;
  outcome: Outcome;
  errorCode: string | null;
  usage: TokenUsage | null;
  usageSource: UsageSource;
  /** The sum over its attempts. */
  costNanoUsd: NanoUsd | null;
  bodyBytes: number;
  answerBytes: number;
  /** Time spent waiting for an account to become free. */
  queuedMs: number;
  /** From the request's arrival to the first byte of the answer. */
  firstByteMs: number | null;
  durationMs: number;
  /** Why the serving account was chosen. */
  chosenBecause: string | null;
  readonly attempts: AttemptRecord[];
}
