// Whose fault a bad outcome is, who must rest for it and what to do next: one table of kinds.

/** Who caused it. */
export type FailureSource = 'caller' | 'account' | 'upstream' | 'client';

/** Who is benched for it. */
export type FailureScope =
  | 'none'
  | 'account'
  | 'account_model'
  | 'quota_group_model'
  | 'organization_model'
  | 'organization';

/**
 * What to do next: give the answer to the caller as it is; try the next account at once; wait first (and prefer
 * another account); stop everything.
 */
export type FailureAdvice = 'pass_through' | 'next_account' | 'back_off' | 'stop';

/** What follows from a kind of failure. */
export interface FailureRow {
  readonly source: FailureSource;
  readonly scope: FailureScope;
  readonly advice: FailureAdvice;
  /** The first bench in ms where the answer names none, and what doubling leads up to. */
  readonly benchMs?: readonly [first: number, longest: number];
}

const minute = 60_000;
const hour = 60 * minute;

/** Kind of failure → source, scope, advice and bench. */
export const failureKinds = {
  caller_error: { source: 'caller', scope: 'none', advice: 'pass_through' },
  context_length_exceeded: { source: 'caller', scope: 'none', advice: 'pass_through' },
  request_too_large: { source: 'caller', scope: 'none', advice: 'pass_through' },
  policy_refused: { source: 'caller', scope: 'none', advice: 'pass_through' },
  invalid_api_key: { source: 'account', scope: 'account', advice: 'next_account', benchMs: [5 * minute, hour] },
  model_not_found: {
    source: 'account',
    scope: 'account_model',
    advice: 'next_account',
    benchMs: [10 * minute, 10 * minute],
  },
  rate_limited: { source: 'account', scope: 'quota_group_model', advice: 'next_account', benchMs: [1000, minute] },
  wrong_organization: { source: 'account', scope: 'none', advice: 'next_account' },
  insufficient_quota: { source: 'account', scope: 'organization', advice: 'next_account', benchMs: [5 * minute, hour] },
  upstream_overloaded: { source: 'upstream', scope: 'none', advice: 'back_off' },
  upstream_error: { source: 'upstream', scope: 'none', advice: 'back_off' },
  invalid_response: { source: 'upstream', scope: 'none', advice: 'back_off' },
  connection_failed: { source: 'upstream', scope: 'none', advice: 'next_account' },
  connect_timeout: { source: 'upstream', scope: 'none', advice: 'next_account' },
  first_byte_timeout: { source: 'upstream', scope: 'none', advice: 'next_account' },
  idle_timeout: { source: 'upstream', scope: 'none', advice: 'next_account' },
  client_gone: { source: 'client', scope: 'none', advice: 'stop' },
  deadline_passed: { source: 'client', scope: 'none', advice: 'stop' },
  shutdown: { source: 'client', scope: 'none', advice: 'stop' },
} as const satisfies Record<string, FailureRow>;

export type FailureKind = keyof typeof failureKinds;

/** An expected bad outcome of an attempt, as a value. */
export interface Failure extends FailureRow {
  readonly kind: FailureKind;
  /** One sentence for the log and the operator; holds no secret. */
  readonly message: string;
  /** The upstream's HTTP status and error code, where it gave one. */
  readonly status?: number;
  readonly code?: string;
  /** How long the upstream asked to be left alone, in ms. */
  readonly retryAfterMs?: number;
  /** A connection was used again that the upstream had let go meanwhile: no sign of an outage. */
  readonly isStale?: boolean;
}

/** The facts of one failure beyond its kind. */
export type FailureFacts = Partial<Pick<Failure, 'status' | 'code' | 'retryAfterMs' | 'advice' | 'scope' | 'isStale'>>;

/** A failure of `kind`, with the table's verdicts unless `facts` overrule advice or scope. */
export function failureOf(kind: FailureKind, message: string, facts: FailureFacts = {}): Failure {
  return { kind, message, ...failureKinds[kind], ...facts };
}
