// The log line of a request: what an operator looks for when somebody asks what happened to it.
import type { Logger } from 'pino';
import type { RequestRecord } from '../core/record.ts';

/** Writes the one line of a request that is over. `error` is what lies behind a fault of the gateway's own. */
export function logRequest(logger: Logger, record: RequestRecord, error: unknown): void {
  const last = record.attempts.at(-1);
  const line = {
    request_id: record.id,
    endpoint: record.endpoint,
    key_id: record.keyId,
    model: record.model,
    stream: record.isStream,
    status: record.status,
    outcome: record.outcome,
    ...(record.errorCode !== null && { error_code: record.errorCode }),
    provider_id: last?.providerId ?? null,
    account_id: last?.accountId ?? null,
    attempts: record.attempts.length,
    ...(record.attempts.length > 1 && {
      failures: record.attempts.flatMap(({ accountId, failure }) =>
        failure === null ? [] : [`${accountId}: ${failure}`],
      ),
    }),
    ...(record.usage !== null && {
      prompt_tokens: record.usage.prompt_tokens,
      completion_tokens: record.usage.completion_tokens,
      usage_source: record.usageSource,
    }),
    body_bytes: record.bodyBytes,
    answer_bytes: record.answerBytes,
    queued_ms: Math.round(record.queuedMs),
    first_byte_ms: record.firstByteMs === null ? null : Math.round(record.firstByteMs),
    duration_ms: Math.round(record.durationMs),
    ...(error !== undefined && {
      err: error instanceof Error ? error : new Error('something that is no error was thrown'),
    }),
  };
  if (record.outcome === 'gateway_error') logger.error(line, 'request');
  else logger.info(line, 'request');
}
