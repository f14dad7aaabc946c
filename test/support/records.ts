// Records of requests, as the data plane would have made them.
import type { AttemptRecord, RequestRecord } from '../../src/core/record.ts';

/** An attempt that went well; `change` says what is different. */
export function attemptRecord(n: number, change: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    n,
    accountId: 'acc_1',
    providerId: 'openai',
    model: 'gpt-4',
    startedAtMs: 1,
    status: 200,
    outcome: 'ok',
    failure: null,
    mayHaveReachedUpstream: true,
    firstByteMs: 1,
    durationMs: 1,
    usage: null,
    usageSource: 'none',
    rawUsage: null,
    serviceTier: null,
    upstreamRequestId: null,
    reservedNanoUsd: null,
    costNanoUsd: null,
    priceId: null,
    ...change,
  };
}

/** A request that went well after so many attempts. */
export function requestRecord(id: string, attempts: number, change: Partial<RequestRecord> = {}): RequestRecord {
  return {
    id,
    createdAtMs: 1,
    endpoint: 'chat_completions',
    model: 'gpt-4',
    keyId: null,
    budgetPeriod: null,
    isStream: false,
    status: 200,
    outcome: 'ok',
    errorCode: null,
    usage: null,
    usageSource: 'none',
    costNanoUsd: null,
    bodyBytes: 1,
    answerBytes: 1,
    queuedMs: 0,
    firstByteMs: 1,
    durationMs: 5,
    chosenBecause: null,
    attempts: Array.from({ length: attempts }, (_, i) => attemptRecord(i + 1)),
    ...change,
  };
}
