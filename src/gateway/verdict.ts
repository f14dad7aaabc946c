// The last word when no attempt served: the upstream's own error where it is the caller's to see, else ours.
import { GatewayError, type ErrorCode } from '../core/errors.ts';
import type { Failure, FailureKind } from '../core/failure.ts';
import type { Exhausted } from '../pool/pool.ts';
import { isThrottled, type Candidate } from '../pool/select.ts';

/** An upstream's answer, held back. */
export interface HeldAnswer {
  readonly status: number;
  /** Already cleaned for the client, name and value in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** It is an error with JSON in it, as all of OpenAI's are. */
  readonly isJson: boolean;
}

/** One attempt that failed before anything was sent to the client. */
export interface FailedAttempt {
  readonly label: string;
  readonly failure: Failure;
  readonly answer: HeldAnswer | undefined;
}

/** Kinds whose last word is our own, whatever the upstream wrote. */
const ownWords: Partial<Record<FailureKind, ErrorCode>> = {
  connection_failed: 'upstream_unavailable',
  connect_timeout: 'upstream_timeout',
  first_byte_timeout: 'upstream_timeout',
  idle_timeout: 'upstream_timeout',
  deadline_passed: 'upstream_timeout',
  shutdown: 'overloaded',
};

/** What is said of an error that its status or the operator's rule names, but that has no body for a client to read. */
const wordless: Partial<Record<FailureKind, ErrorCode>> = {
  caller_error: 'invalid_request',
  context_length_exceeded: 'invalid_request',
  request_too_large: 'request_too_large',
  policy_refused: 'forbidden',
  model_not_found: 'model_not_found',
  rate_limited: 'upstream_rate_limited',
  insufficient_quota: 'insufficient_quota',
};

/** The answer when attempts have failed and no further one may follow. `areOthersLeft`: accounts that could serve were not asked. */
export function lastWord(failed: readonly FailedAttempt[], areOthersLeft: boolean): HeldAnswer | GatewayError {
  const last = failed.at(-1);
  if (last === undefined) throw new Error('lastWord needs a failed attempt');
  const labels = failed.map(({ label }) => label);
  if (failed.every(({ failure }) => failure.kind === 'invalid_api_key')) {
    return areOthersLeft ? outOfAttempts(labels) : refusedKeys(labels);
  }
  // Even where no retry was left to find out that nobody else can pay: a client need not try.
  if (!areOthersLeft && failed.every(({ failure }) => failure.kind === 'insufficient_quota'))
    return outOfCredit(labels);
  const own = ownWords[last.failure.kind];
  if (own === undefined && last.answer?.isJson === true) return last.answer;
  const { message, retryAfterMs } = last.failure;
  const code = own ?? (last.answer === undefined ? undefined : codeWithoutWords(last.failure));
  return new GatewayError(code ?? 'upstream_invalid_response', `${sentence(message)} (account "${last.label}").`, {
    ...(failed.length > 1 && { shouldRetry: false }),
    ...(retryAfterMs !== undefined && code !== 'insufficient_quota' && { retryAfterMs }),
  });
}

function codeWithoutWords({ kind, status }: Failure): ErrorCode | undefined {
  if (kind === 'caller_error' && status === 404) return 'not_found';
  if (kind === 'caller_error' && status === 405) return 'method_not_allowed';
  return wordless[kind];
}

/** What keeps an account from serving, as the last word sorts it. */
type Cause = 'throttled' | 'insufficient_quota' | 'invalid_api_key' | 'circuit_open' | 'model_not_found';

function causeOf(candidate: Candidate): Cause {
  if (isThrottled(candidate)) return 'throttled';
  const kind = candidate.bench?.kind;
  const isOwn = kind === 'insufficient_quota' || kind === 'invalid_api_key' || kind === 'model_not_found';
  return isOwn ? kind : 'circuit_open';
}

/** The answer when nobody can serve and the wait for somebody does not fit. `undefined` where no account ever could. */
export function exhaustedWord(
  { candidates }: Pick<Exhausted, 'candidates'>,
  model: string,
  nowMs: number,
): GatewayError | undefined {
  const able = candidates.filter(({ freeAtMs }) => freeAtMs !== undefined);
  const by = (cause: Cause): Candidate[] => able.filter((candidate) => causeOf(candidate) === cause);
  const labels = (list: readonly Candidate[]): string[] => list.map(({ member }) => member.account.label);
  const throttled = by('throttled');
  if (throttled.length > 0) {
    return new GatewayError(
      'upstream_rate_limited',
      'Every account that could serve is throttled by the upstream, or as busy as it may be.',
      {
        type: throttled.every(({ obstacles }) => obstacles.includes('no_tokens_left')) ? 'tokens' : 'requests',
        retryAfterMs: waitMs(throttled, nowMs),
      },
    );
  }
  const open = by('circuit_open');
  if (open.length > 0) {
    return new GatewayError(
      'upstream_unavailable',
      'Every account that could serve has failed too often just now; the next try is due after Retry-After.',
      {
        retryAfterMs: waitMs(open, nowMs),
      },
    );
  }
  const spent = by('insufficient_quota');
  if (spent.length > 0) return outOfCredit(labels(spent));
  const refused = by('invalid_api_key');
  if (refused.length > 0) return refusedKeys(labels(refused));
  if (able.length === 0) return undefined;
  return new GatewayError(
    'model_not_found',
    `The model "${model}" does not exist for any account that could serve it.`,
    {
      param: 'model',
    },
  );
}

/** An account that is only busy is free at any moment: try again in a second. */
function waitMs(candidates: readonly Candidate[], nowMs: number): number {
  const firstMs = Math.min(...candidates.map(({ freeAtMs }) => freeAtMs ?? Number.POSITIVE_INFINITY));
  return firstMs > nowMs ? firstMs - nowMs : 1000;
}

function refusedKeys(labels: readonly string[]): GatewayError {
  return new GatewayError(
    'invalid_api_key',
    `Invalid API key: the upstream refused the key of account ${quoted(labels)}.`,
    { shouldRetry: false },
  );
}

/** The key is not to blame while other accounts could serve: the next request goes to them. */
function outOfAttempts(labels: readonly string[]): GatewayError {
  return new GatewayError(
    'upstream_unavailable',
    `The upstream refused the key of account ${quoted(labels)}, and no attempt was left for the others; try again.`,
    { shouldRetry: true },
  );
}

function outOfCredit(labels: readonly string[]): GatewayError {
  return new GatewayError('insufficient_quota', `Out of credit: ${quoted(labels)}; add credit or another account.`, {
    shouldRetry: false,
  });
}

/** Each label once. */
function quoted(labels: readonly string[]): string {
  return [...new Set(labels)].map((label) => `"${label}"`).join(', ');
}

/** An address keeps its spelling where the sentence begins with it. */
function sentence(text: string): string {
  const first = /^https?:/u.test(text) ? text.charAt(0) : text.charAt(0).toUpperCase();
  return first + text.slice(1).replace(/\.$/u, '');
}
