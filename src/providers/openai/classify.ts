// Lays an OpenAI error at the right door: one table over status, code, type and message, first match wins.
import { failureOf, type Failure, type FailureAdvice, type FailureKind } from '../../core/failure.ts';
import type { FailedAnswer } from '../../core/provider.ts';
import { parseDuration, readRetryAfter } from '../../lib/retry-after.ts';

/** The `error` object of an answer, as far as it is one. */
interface ErrorObject {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param: string;
}

interface Rule {
  readonly statuses?: readonly number[];
  readonly codes?: readonly string[];
  readonly message?: RegExp;
  readonly kind: FailureKind;
}

const billingCodes = [
  'insufficient_quota',
  'credit_balance_exhausted',
  'billing_hard_limit_reached',
  'billing_not_active',
  'spend_limit_exceeded',
  'usage_limit_exceeded',
  'usage_limit_reached',
];

/** Sources: openai-wire.md section 3; `codes` are looked for in `code` and `type`. */
const rules: readonly Rule[] = [
  { codes: billingCodes, kind: 'insufficient_quota' },
  {
    statuses: [400, 429],
    message: /exceeded your current quota|credit balance (is )?too low/iu,
    kind: 'insufficient_quota',
  },
  { statuses: [429], message: /^request too large/iu, kind: 'request_too_large' },
  {
    codes: ['slow_down', 'server_is_overloaded', 'service_unavailable_error', 'resource_unavailable'],
    kind: 'upstream_overloaded',
  },
  { codes: ['context_length_exceeded'], kind: 'context_length_exceeded' },
  { statuses: [400], message: /maximum context length/iu, kind: 'context_length_exceeded' },
  {
    codes: ['invalid_api_key', 'account_deactivated', 'organization_deactivated', 'invalid_organization'],
    kind: 'invalid_api_key',
  },
  { codes: ['unsupported_country_region_territory', 'content_policy_violation'], kind: 'policy_refused' },
  { statuses: [401], kind: 'invalid_api_key' },
  {
    statuses: [403],
    message: /\b(api key|key|insufficient permissions|missing scopes|not a member)\b/iu,
    kind: 'invalid_api_key',
  },
  { statuses: [403, 404], codes: ['model_not_found'], kind: 'model_not_found' },
  { statuses: [404], message: /model .*(does not exist|do not have access)/iu, kind: 'model_not_found' },
  { statuses: [403], kind: 'policy_refused' },
  { statuses: [429], kind: 'rate_limited' },
  { statuses: [408], kind: 'upstream_error' },
  { statuses: [413], kind: 'request_too_large' },
  { statuses: [503], kind: 'upstream_overloaded' },
];

/** Below 400 an error can only be one that came inside a 200: judged by its codes, else the upstream's. */
function defaultKind(status: number): FailureKind {
  return status >= 400 && status < 500 ? 'caller_error' : 'upstream_error';
}

/** Classifies an answer of OpenAI, or of anything that speaks its format. */
export function classify(answer: FailedAnswer): Failure {
  const error = readErrorObject(answer.body);
  if (error === undefined && answer.status < 500 && answer.status !== 429 && answer.status !== 401) {
    return failureOf('invalid_response', `answered ${answer.status} with a body that is not an error object`, {
      status: answer.status,
    });
  }
  const kind = rules.find((rule) => matches(rule, answer.status, error))?.kind ?? defaultKind(answer.status);
  const advice = adviceOf(answer.header('x-should-retry'));
  const retryAfterMs = retryAfterOf(answer, error);
  return failureOf(
    kind,
    error === undefined ? `answered ${answer.status}` : `answered ${answer.status}: ${error.message}`,
    {
      status: answer.status,
      ...(error !== undefined && error.code !== '' && { code: error.code }),
      ...(advice !== undefined && { advice }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  );
}

function matches(rule: Rule, status: number, error: ErrorObject | undefined): boolean {
  if (rule.statuses !== undefined && !rule.statuses.includes(status)) return false;
  if (rule.codes !== undefined && !(error && (rule.codes.includes(error.code) || rule.codes.includes(error.type)))) {
    return false;
  }
  return rule.message === undefined || (error !== undefined && rule.message.test(error.message));
}

/** The upstream's own word on retrying wins over the table. */
function adviceOf(shouldRetry: string | undefined): FailureAdvice | undefined {
  if (shouldRetry === 'true') return 'back_off';
  return shouldRetry === 'false' ? 'pass_through' : undefined;
}

function retryAfterOf(answer: FailedAnswer, error: ErrorObject | undefined): number | undefined {
  const named = readRetryAfter(answer.header, answer.nowMs);
  if (named !== undefined) return named;
  const [, spoken] = /try again in ([\d.hmsµun]+?)\.?(?:\s|$)/iu.exec(error?.message ?? '') ?? [];
  if (spoken !== undefined) return parseDuration(spoken);
  if (answer.status !== 429) return undefined;
  const exhausted = ['requests', 'tokens'].filter(
    (unit) => Number(answer.header(`x-ratelimit-remaining-${unit}`)) === 0,
  );
  const resets = exhausted.map((unit) => parseDuration(answer.header(`x-ratelimit-reset-${unit}`) ?? '') ?? 0);
  const longest = Math.max(0, ...resets);
  return longest > 0 ? longest : undefined;
}

function readErrorObject(body: Uint8Array): ErrorObject | undefined {
  try {
    const parsed = JSON.parse(Buffer.from(body).toString('utf8')) as { error?: unknown };
    const error = parsed.error;
    if (typeof error === 'string') return { message: error, type: '', code: '', param: '' };
    if (typeof error !== 'object' || error === null) return undefined;
    const { message, type, code, param } = error as Record<string, unknown>;
    return { message: textOf(message), type: textOf(type), code: textOf(code), param: textOf(param) };
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
