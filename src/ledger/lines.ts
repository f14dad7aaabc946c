// The spool's lines: a mark, the request's id, a tab, and its record as a JSON array. Names would make it twice as long.
import type { Period } from '../core/period.ts';
import type { AttemptRecord, RequestRecord } from '../core/record.ts';
import { modelOnRecord } from '../core/redaction.ts';
import type { TokenUsage } from '../core/usage.ts';

/** `intent`: an attempt is about to begin; `over`: the request has ended. */
export type LineMark = 'intent' | 'over';

/** A spool is read by the version after the one that wrote it: another form of line takes other letters. */
const marks: Readonly<Record<LineMark, string>> = { intent: 'I', over: 'O' };
const tab = '\t';

/** One line, its line feed included. JSON holds no line feed of its own. */
export function encodeLine(mark: LineMark, record: RequestRecord): string {
  return `${marks[mark]}${record.id}${tab}${JSON.stringify(requestValues(record))}\n`;
}

/** What stands at a line's beginning; undefined where the line is torn. Its JSON need not be read to know it. */
export function readMark(line: string): { readonly mark: LineMark; readonly id: string } | undefined {
  const end = line.indexOf(tab);
  if (end < 2) return undefined;
  const id = line.slice(1, end);
  if (line.startsWith(marks.over)) return { mark: 'over', id };
  return line.startsWith(marks.intent) ? { mark: 'intent', id } : undefined;
}

/** The record of a line; undefined where the line is torn. */
export function readRecord(line: string): RequestRecord | undefined {
  const start = line.indexOf(tab) + 1;
  try {
    return readRequest(line.slice(1, start - 1), JSON.parse(line.slice(start)) as RequestValues);
  } catch {
    return undefined;
  }
}

type RequestValues = ReturnType<typeof requestValues>;
type AttemptValues = ReturnType<typeof attemptValues>;
type UsageValues = ReturnType<typeof usageValues>;

function requestValues(record: RequestRecord) {
  return [
    Math.floor(record.createdAtMs),
    record.endpoint,
    record.model,
    record.keyId,
    record.isStream,
    record.status,
    record.outcome,
    record.errorCode,
    // With one attempt, the usage and cost of the request are those of its attempt.
    record.attempts.length === 1 ? null : usageValues(record.usage),
    record.usageSource,
    record.costNanoUsd,
    record.bodyBytes,
    record.answerBytes,
    Math.round(record.queuedMs),
    rounded(record.firstByteMs),
    Math.round(record.durationMs),
    record.chosenBecause,
    record.attempts.map(attemptValues),
    periodValues(record.budgetPeriod),
  ] as const;
}

function readRequest(id: string, values: RequestValues): RequestRecord {
  const [createdAtMs, endpoint, model, keyId, isStream, status, outcome, errorCode, usage, usageSource, ...rest] =
    values;
  const [costNanoUsd, bodyBytes, answerBytes, queuedMs, firstByteMs, durationMs, chosenBecause, attemptList, period] =
    rest;
  const attempts = attemptList.map(readAttempt);
  const [only] = attempts;
  return {
    id,
    createdAtMs,
    endpoint,
    model,
    keyId,
    budgetPeriod: readPeriod(period),
    isStream,
    status,
    outcome,
    errorCode,
    usage: attempts.length === 1 && only !== undefined ? only.usage : readUsageValues(usage),
    usageSource,
    costNanoUsd,
    bodyBytes,
    answerBytes,
    queuedMs,
    firstByteMs,
    durationMs,
    chosenBecause,
    attempts,
  };
}

/** JSON has no infinity: null stands for it. */
function periodValues(period: Period | null) {
  return period === null ? null : ([period.startMs, period.endMs === Infinity ? null : period.endMs] as const);
}

/** Lines of the version before have none. */
function readPeriod(values: ReturnType<typeof periodValues> | undefined): Period | null {
  return values ? { startMs: values[0], endMs: values[1] ?? Infinity } : null;
}

function attemptValues(attempt: AttemptRecord) {
  return [
    attempt.n,
    attempt.accountId,
    attempt.providerId,
    // What it cost has been found by its whole name.
    modelOnRecord(attempt.model),
    Math.floor(attempt.startedAtMs),
    attempt.status,
    attempt.outcome,
    attempt.failure,
    attempt.mayHaveReachedUpstream,
    rounded(attempt.firstByteMs),
    Math.round(attempt.durationMs),
    usageValues(attempt.usage),
    attempt.usageSource,
    attempt.rawUsage,
    attempt.serviceTier,
    attempt.upstreamRequestId,
    attempt.costNanoUsd,
    attempt.priceId,
    attempt.reservedNanoUsd,
  ] as const;
}

function readAttempt(values: AttemptValues): AttemptRecord {
  const [n, accountId, providerId, model, startedAtMs, status, outcome, failure, mayHaveReachedUpstream, ...rest] =
    values;
  const [firstByteMs, durationMs, usage, usageSource, rawUsage, serviceTier, upstreamRequestId, ...money] = rest;
  const [costNanoUsd, priceId, reservedNanoUsd] = money;
  return {
    n,
    accountId,
    providerId,
    model,
    startedAtMs,
    status,
    outcome,
    failure,
    mayHaveReachedUpstream,
    firstByteMs,
    durationMs,
    usage: readUsageValues(usage),
    usageSource,
    rawUsage,
    serviceTier,
    upstreamRequestId,
    reservedNanoUsd,
    costNanoUsd,
    priceId,
  };
}

function usageValues(usage: TokenUsage | null) {
  if (usage === null) return null;
  return [
    usage.prompt_tokens,
    usage.completion_tokens,
    usage.total_tokens,
    usage.cached_tokens,
    usage.cache_write_tokens,
    usage.reasoning_tokens,
    usage.audio_prompt_tokens,
    usage.audio_completion_tokens,
  ] as const;
}

function readUsageValues(values: UsageValues): TokenUsage | null {
  if (values === null) return null;
  const [prompt, completion, total, cached, cacheWrite, reasoning, audioPrompt, audioCompletion] = values;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: total,
    cached_tokens: cached,
    cache_write_tokens: cacheWrite,
    reasoning_tokens: reasoning,
    audio_prompt_tokens: audioPrompt,
    audio_completion_tokens: audioCompletion,
  };
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}
