// The last word when no attempt served: the upstream's own error where it is the caller's to see, else ours.
import { GatewayError, type ErrorCode } from '../core/errors.ts';
import type { Failure, FailureKind } from '../core/failure.ts';
import type { Exhausted } from '../pool/pool.ts';

/** An upstream's answer, held back. */
export interface HeldAnswer {
  readonly status: number;
  /** Already cleaned for the client, name and value in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** The body is JSON, as every OpenAI error is. */
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

/** The answer when attempts have failed and no further one is made. `exhausted` tells of accounts that were not even tried. */
export function lastWord(
  failed: readonly FailedAttempt[],
  exhausted: Exhausted | undefined,
): HeldAnswer | GatewayError {
  const last = failed.at(-1);
  const benched = exhausted?.benched ?? [];
  const only = (kind: FailureKind): boolean =>
    failed.every(({ failure }) => failure.kind === kind) && benched.every(({ bench }) => bench.kind === kind);
  const labels = [...failed.map(({ label }) => label), ...benched.map(({ member }) => member.account.label)];
  if (labels.length > 0 && only('invalid_api_key')) return refusedKeys(labels);
  if (exhausted !== undefined && labels.length > 0 && only('insufficient_quota')) return outOfCredit(labels);
  if (last === undefined) throw new Error('lastWord needs a failed attempt');
  const code = ownWords[last.failure.kind];
  if (code === undefined && last.answer?.isJson === true) return last.answer;
  return new GatewayError(
    code ?? 'upstream_invalid_response',
    `${sentence(last.failure.message)} (account "${last.label}").`,
    {
      ...(failed.length > 1 && { shouldRetry: false }),
    },
  );
}

/** The answer when every account that could serve is benched and none of this request's attempts failed. */
export function benchedWord(exhausted: Exhausted, nowMs: number): GatewayError {
  const { benched } = exhausted;
  const labelled = (kind: FailureKind): string[] =>
    benched.filter(({ bench }) => bench.kind === kind).map(({ member }) => member.account.label);
  const throttled = benched.filter(({ bench }) => bench.kind === 'rate_limited');
  if (throttled.length > 0) {
    const freeAtMs = Math.min(...throttled.map(({ bench }) => bench.untilMs));
    return new GatewayError('upstream_rate_limited', 'Every account that could serve is throttled by the upstream.', {
      retryAfterMs: Math.max(freeAtMs - nowMs, 1),
    });
  }
  const spent = labelled('insufficient_quota');
  if (spent.length > 0) return outOfCredit(spent);
  const refused = labelled('invalid_api_key');
  if (refused.length > 0) return refusedKeys(refused);
  return new GatewayError('model_not_found', 'The model does not exist for any account that could serve it.', {
    param: 'model',
  });
}

function refusedKeys(labels: readonly string[]): GatewayError {
  return new GatewayError(
    'invalid_api_key',
    `Invalid API key: the upstream refused the key of account ${quoted(labels)}.`,
    { shouldRetry: false },
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

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/u, '');
}
