// Settle: ends every request exactly once, with an answer if none has gone out, and passes its record on.
import { GatewayError } from '../core/errors.ts';
import { StoppedError } from '../core/exchange.ts';
import type { Outcome } from '../core/record.ts';
import { sumUsage } from '../core/usage.ts';
import { gatewayHeaders } from './own-headers.ts';
import { priceRecord } from './price.ts';
import type { GatewayParts, Work } from './work.ts';

/** Error code → how the request is booked, where it is not the upstream's doing. */
const outcomes: Partial<Record<string, Outcome>> = {
  invalid_json: 'client_error',
  invalid_request: 'client_error',
  invalid_client_key: 'client_error',
  model_not_found: 'client_error',
  model_not_allowed: 'client_error',
  forbidden: 'client_error',
  not_found: 'client_error',
  method_not_allowed: 'client_error',
  request_too_large: 'client_error',
  unsupported_media_type: 'client_error',
  rate_limit_exceeded: 'rate_limited',
  upstream_rate_limited: 'rate_limited',
  insufficient_quota: 'rate_limited',
  budget_exceeded: 'budget_exceeded',
  upstream_timeout: 'timeout',
  gateway_error: 'gateway_error',
  overloaded: 'gateway_error',
  no_account: 'gateway_error',
  storage_unavailable: 'gateway_error',
};

const retriedAlready: readonly string[] = ['x-should-retry', 'false'];

/** Turns what was thrown into the answer that the client gets. */
function asGatewayError(error: unknown, work: Work, totalMs: number): GatewayError | undefined {
  if (error instanceof GatewayError) return error;
  if (!(error instanceof StoppedError)) {
    return new GatewayError(
      'gateway_error',
      `The gateway failed; its log tells why under request ${work.exchange.id}.`,
      { cause: error },
    );
  }
  if (error.reason === 'client_gone') return undefined;
  if (error.reason === 'shutdown')
    return new GatewayError('overloaded', 'The gateway is shutting down; try again.', { retryAfterMs: 1000 });
  return new GatewayError(
    'upstream_timeout',
    `The request's whole time of ${totalMs} ms passed before an answer came.`,
  );
}

/**
 * Ends the request. `thrown` is what stopped it, undefined where it has been answered. The client has its answer at once;
 * the record is passed on when what it used is known: at once too, or when the promise resolves.
 */
export function settle(parts: GatewayParts, work: Work, thrown: unknown): Promise<void> | undefined {
  const { exchange, record } = work;
  const { answer, cancellation } = exchange;
  // A failure that comes with the end of the request is the end's doing.
  const { reason } = cancellation;
  const cause = thrown !== undefined && reason !== undefined ? new StoppedError(reason) : thrown;
  if (cause !== undefined) {
    const error = asGatewayError(cause, work, work.deadlineMs - record.createdAtMs);
    if (error === undefined) {
      record.outcome = 'client_cancelled';
    } else {
      record.outcome = outcomes[error.code] ?? 'upstream_error';
      record.errorCode = error.code;
      if (answer.isStarted) answer.end();
      else {
        record.status = error.status;
        const body = Buffer.from(error.toBody());
        answer.start(error.status, [
          'content-type',
          'application/json',
          'content-length',
          String(body.length),
          // OpenAI's clients show this one as the error's request id.
          'x-request-id',
          exchange.id,
          ...error.toHeaders(),
          // Once the gateway has retried, the client's SDK shall not.
          ...(record.attempts.length > 1 && error.details.shouldRetry === undefined ? retriedAlready : []),
          ...gatewayHeaders(parts, work),
        ]);
        answer.end(body);
      }
    }
  }
  record.answerBytes = answer.sentBytes;
  record.durationMs = parts.clock.nowMs() - record.createdAtMs;
  if (work.estimates.length > 0) return Promise.all(work.estimates).then(() => book(parts, work, cause));
  book(parts, work, cause);
  return undefined;
}

/** Passes the record on; `cause` is what stopped the request. */
function book(parts: GatewayParts, work: Work, cause: unknown): void {
  const { record } = work;
  const { usage, usageSource } = sumUsage(record.attempts);
  record.usage = usage;
  record.usageSource = usageSource;
  priceRecord(record, parts.configuration().prices);
  work.reservation?.settle();
  const transcript = work.transcriber?.of(record);
  if (transcript !== undefined) parts.keepTranscript(transcript);
  parts.onSettled(
    record,
    cause instanceof GatewayError ? cause.details.cause : cause instanceof StoppedError ? undefined : cause,
  );
}
