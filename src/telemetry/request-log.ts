// The log line of a request: what an operator looks for when somebody asks what happened to it.
import type { RequestRecord } from '../core/record.ts';
import type { Log } from './log.ts';

/** Writes the one line of a request that is over. `error` is what lies behind a fault of the gateway's own. */
export function logRequest(log: Log, record: RequestRecord, error: unknown): void {
  const { logger } = log;
  if (record.outcome === 'gateway_error' || error !== undefined) {
    const line = {
      ...(JSON.parse(`{${membersOf(record)}}`) as object),
      ...(error !== undefined && {
        err: error instanceof Error ? error : new Error('something that is no error was thrown'),
      }),
    };
    if (record.outcome === 'gateway_error') logger.error(line, 'request');
    else logger.info(line, 'request');
    return;
  }
  // Every request pays for its line, so it is put together by hand, in the form that the logger gives the others.
  if (logger.isLevelEnabled('info'))
    log.write(`{"level":"info","time":"${log.time()}",${membersOf(record)},"msg":"request"}`);
}

/** The line's own members as JSON. What a client or an upstream may have written is escaped; the rest are our own words and numbers. */
function membersOf(record: RequestRecord): string {
  const { attempts, usage } = record;
  const last = attempts.at(-1);
  let text = `"request_id":"${record.id}","endpoint":"${record.endpoint}","key_id":${quoted(record.keyId)},"model":${quoted(record.model)}`;
  text += `,"stream":${record.isStream},"status":${record.status},"outcome":"${record.outcome}"`;
  if (record.errorCode !== null) text += `,"error_code":${quoted(record.errorCode)}`;
  text += `,"provider_id":${quoted(last?.providerId ?? null)},"account_id":${quoted(last?.accountId ?? null)},"attempts":${attempts.length}`;
  if (attempts.length > 1) {
    const failures = attempts.flatMap(({ accountId, failure }) =>
      failure === null ? [] : [`${accountId}: ${failure}`],
    );
    text += `,"failures":${JSON.stringify(failures)}`;
  }
  if (usage !== null)
    text += `,"prompt_tokens":${usage.prompt_tokens},"completion_tokens":${usage.completion_tokens},"usage_source":"${record.usageSource}"`;
  text += `,"body_bytes":${record.bodyBytes},"answer_bytes":${record.answerBytes},"queued_ms":${Math.round(record.queuedMs)}`;
  const firstByteMs = record.firstByteMs === null ? null : Math.round(record.firstByteMs);
  return `${text},"first_byte_ms":${firstByteMs},"duration_ms":${Math.round(record.durationMs)}`;
}

function quoted(text: string | null): string {
  return JSON.stringify(text);
}
