// Lays an OpenAI error at the right door: one table over status, code, type and message, first match wins.
import {
  failureKinds,
  failureOf,
  type Failure,
  type FailureAdvice,
  type FailureFacts,
  type FailureKind,
  type FailureRow,
  type FailureScope,
} from '../../core/failure.ts';
import { findFailureRule, type FailureRule } from '../../core/failure-rule.ts';
import type { FailedAnswer } from '../../core/provider.ts';
import { withoutSecret } from '../../core/redaction.ts';
import { longestWaitMs, parseDuration, readRetryAfter, readSpokenWait } from '../../lib/retry-after.ts';
import { readError, type ReadError } from './error-body.ts';
import { isLimitOfOrganization } from './quota.ts';

/** A rule of the vendor: every condition that it has must hold. */
interface Rule {
  /** Looked for in `code` and in `type`: which of the two carries the word differs from error to error. */
  readonly codes?: readonly string[];
  /**
   * Anchored at the beginning, before anything is quoted, wherever the account would be blamed: messages quote the
   * request ("Invalid value: '…'"), and no client shall bench an account by what it writes.
   */
  readonly message?: RegExp;
  /** 200 is an error inside a success whose code names no status. */
  readonly statuses?: readonly number[];
  readonly kind: FailureKind;
  /** Where fewer are to be benched than the kind says. */
  readonly scope?: FailureScope;
}

/** Sources: test/fixtures/openai-wire.md section 3, and for each rule the error bodies under test/fixtures/openai-errors. */
const rules: readonly Rule[] = [
  // Money. A project's limit leaves the organization's other projects working.
  { codes: ['project_spend_limit_exceeded'], kind: 'insufficient_quota', scope: 'account' },
  {
    codes: [
      'insufficient_quota',
      'credit_balance_exhausted',
      'organization_spend_limit_exceeded',
      'organization_usage_limit_exceeded',
      'billing_hard_limit_reached',
      'billing_not_active',
      'exceeded_current_quota_error',
      'spend_limit_exceeded',
      'usage_limit_exceeded',
      'usage_limit_reached',
    ],
    kind: 'insufficient_quota',
  },
  {
    // Gemini begins its rate limits with OpenAI's words for no money, but says when to retry.
    message:
      /^(?:you exceeded your current quota(?!.*\bretry (?:in|after)\b)|your credit balance is too low|you have no credits remaining|billing hard limit has been reached|your account is not active, please check your billing)/isu,
    statuses: [200, 400, 402, 403, 429],
    kind: 'insufficient_quota',
  },
  // The request alone is over the limit: no waiting helps.
  { message: /^request too large/iu, statuses: [200, 413, 429], kind: 'request_too_large' },
  {
    codes: [
      'slow_down',
      'server_is_overloaded',
      'service_unavailable_error',
      'resource_unavailable',
      'overloaded_error',
      'engine_overloaded_error',
    ],
    kind: 'upstream_overloaded',
  },
  {
    message:
      /^(?:slow down|resource unavailable|request rate increased too quickly|(?:the|that|our) (?:engine|model|servers?) (?:is|are) (?:currently )?overloaded)/iu,
    statuses: [200, 429, 500, 503],
    kind: 'upstream_overloaded',
  },
  // The caller's own.
  { codes: ['context_length_exceeded'], kind: 'context_length_exceeded' },
  { message: /maximum context length/iu, statuses: [200, 400, 413, 422], kind: 'context_length_exceeded' },
  {
    codes: [
      'content_policy_violation',
      'image_content_policy_violation',
      'content_filter',
      'moderation_blocked',
      'invalid_prompt',
      'bio_policy',
      'cyber_policy',
      'data_residency_mismatch',
      'unsupported_country_region_territory',
    ],
    kind: 'policy_refused',
  },
  // The account lacks the model.
  { codes: ['model_not_found', 'DeploymentNotFound'], kind: 'model_not_found' },
  {
    message:
      /^(?:(?:the )?(?:requested )?model .*(?:does not exist|do not have access|not found|has been deprecated)|project .* does not have access to model|your organization must be verified to use the model|you are not allowed to sample from this model)/iu,
    statuses: [200, 400, 403, 404],
    kind: 'model_not_found',
  },
  // Organization and project may be the client's own headers: another account may fit them, and none is to be benched.
  {
    codes: ['mismatched_organization', 'mismatched_project', 'invalid_organization', 'invalid_project'],
    kind: 'wrong_organization',
  },
  // A restricted key lacks one endpoint's permission and may serve all else.
  {
    message: /^you have insufficient permissions for this operation/iu,
    statuses: [200, 401, 403],
    kind: 'invalid_api_key',
    scope: 'account_model',
  },
  {
    codes: [
      'invalid_api_key',
      'account_deactivated',
      'organization_deactivated',
      'organization_restricted',
      'access_terminated',
      'no_organization',
      'ip_not_authorized',
      'authentication_error',
    ],
    kind: 'invalid_api_key',
  },
  {
    message: /^(?:incorrect|invalid) api key|^api key not valid/iu,
    statuses: [200, 400, 403],
    kind: 'invalid_api_key',
  },
  {
    message: /^[^'"`]*\b(?:api[ _-]?key|not a member of|ip (?:address )?(?:is )?not (?:authorized|allowed))\b/iu,
    statuses: [403],
    kind: 'invalid_api_key',
  },
  { statuses: [403], kind: 'policy_refused' },
  {
    codes: ['rate_limit_exceeded', 'rate_limit_error', 'requests', 'tokens'],
    statuses: [200],
    kind: 'rate_limited',
  },
  { codes: ['invalid_request_error'], statuses: [200], kind: 'caller_error' },
];

/** What a status means where no word decides, with or without an error object. */
const byStatus: Readonly<Record<number, FailureKind>> = {
  401: 'invalid_api_key',
  402: 'insufficient_quota',
  404: 'caller_error',
  405: 'caller_error',
  408: 'upstream_error',
  413: 'request_too_large',
  414: 'request_too_large',
  429: 'rate_limited',
  431: 'request_too_large',
  503: 'upstream_overloaded',
  529: 'upstream_overloaded',
};

/** Classifies an answer of OpenAI, or of anything that speaks its format. Below 400 it is an error inside a success. */
export function classify(answer: FailedAnswer, overrides: readonly FailureRule[] = []): Failure {
  const error = readError(answer.status, answer.body);
  const override = findFailureRule(overrides, error);
  const rule = override === undefined ? rules.find((row) => fits(row, error)) : undefined;
  const kind = override?.kind ?? rule?.kind ?? byStatus[error.status] ?? defaultKind(error);
  const advice = override === undefined ? adviceOf(kind, answer.header('x-should-retry')) : undefined;
  const retryAfterMs = restOf(kind, readWait(answer, error));
  return failureOf(kind, messageOf(answer, error), {
    status: answer.status,
    ...(error.code !== '' && { code: clean(error.code, 100) }),
    ...scopeOf(kind, rule, error),
    ...(advice !== undefined && { advice }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Who is to rest where that is not what the kind says: a limit that names the organization alone is that of all its projects. */
function scopeOf(kind: FailureKind, rule: Rule | undefined, { message }: ReadError): Pick<FailureFacts, 'scope'> {
  if (rule?.scope !== undefined) return { scope: rule.scope };
  return kind === 'rate_limited' && isLimitOfOrganization(message) ? { scope: 'organization_model' } : {};
}

function fits({ codes, message, statuses }: Rule, error: ReadError): boolean {
  if (!error.isError || (statuses !== undefined && !statuses.includes(error.status))) return false;
  if (codes !== undefined && !codes.includes(error.code) && !codes.includes(error.type)) return false;
  return message === undefined || message.test(error.message);
}

/** An API that refuses a request says why: what comes without an error object is not the API's answer. */
function defaultKind({ status, isError }: ReadError): FailureKind {
  if (status >= 500) return 'upstream_error';
  if (!isError) return 'invalid_response';
  return status >= 400 ? 'caller_error' : 'upstream_error';
}

/**
 * The upstream's own word on retrying wins over the table. It speaks of the same request with the same key, so a
 * `false` does not keep another account from serving where this one was the cause, nor does a `true` make that wait.
 */
function adviceOf(kind: FailureKind, shouldRetry: string | undefined): FailureAdvice | undefined {
  const { source, advice } = failureKinds[kind];
  if (shouldRetry === 'true') return advice === 'pass_through' ? 'back_off' : advice;
  return shouldRetry === 'false' && source !== 'account' ? 'pass_through' : undefined;
}

/** The wait that the answer names: in its headers, in its words, or as the reset of the limit that is used up. */
function readWait(answer: FailedAnswer, error: ReadError): number | undefined {
  const named = readRetryAfter(answer.header, answer.nowMs) ?? readSpokenWait(error.message);
  if (named !== undefined || error.status !== 429) return named;
  const used = ['requests', 'tokens'].filter(
    (unit) => unit === error.type || /^\s*0+\s*$/u.test(answer.header(`x-ratelimit-remaining-${unit}`) ?? ''),
  );
  const resets = used.map((unit) => parseDuration(answer.header(`x-ratelimit-reset-${unit}`) ?? '') ?? 0);
  const longest = Math.max(0, ...resets);
  return longest > 0 && longest <= longestWaitMs ? longest : undefined;
}

/**
 * The rest that follows from the wait. A rate limit's is taken as it is, an hour or a day as well: nobody gains by asking
 * earlier, other accounts serve meanwhile, and a client waits for it only within its own deadline. Other benches it may
 * lengthen, never shorten: a bad key or an empty account is no better after the second that a header named.
 */
function restOf(kind: FailureKind, waitMs: number | undefined): number | undefined {
  const { benchMs }: FailureRow = failureKinds[kind];
  if (waitMs === undefined || benchMs === undefined || kind === 'rate_limited') return waitMs;
  return waitMs > benchMs[0] ? waitMs : undefined;
}

function messageOf({ status, body }: FailedAnswer, { isError, message }: ReadError): string {
  if (!isError)
    return `answered ${status} with ${body.length === 0 ? 'an empty body' : 'a body that is not an error object'}`;
  // It may come in the middle of a stream: that is no answer of its own.
  const what = status >= 200 && status < 300 ? `the upstream reported an error under ${status}` : `answered ${status}`;
  return `${what}${message === '' ? '' : `: ${clean(message, 500)}`}`;
}

/** One line without keys, cut to a sane length. */
function clean(text: string, longest: number): string {
  return withoutSecret(text.replace(/\s+/gu, ' ')).slice(0, longest);
}
