// Room 5, dispatch: the loop of attempts. It has no rule of its own: who serves, whether to retry and how long to wait are decided elsewhere.
import type { Endpoint } from '../core/endpoint.ts';
import { GatewayError } from '../core/errors.ts';
import { StoppedError, type Exchange } from '../core/exchange.ts';
import type { Failure } from '../core/failure.ts';
import type { AttemptRecord, Outcome } from '../core/record.ts';
import type { Target } from '../core/route.ts';
import { sleep } from '../lib/sleep.ts';
import { Lease } from '../pool/lease.ts';
import { Member } from '../pool/member.ts';
import type { Exhausted } from '../pool/pool.ts';
import type { Wish } from '../pool/select.ts';
import { attempt, type AttemptResult } from './attempt.ts';
import type { BodyShare } from './admit.ts';
import type { Drainer } from './drainer.ts';
import { editBody, type ParsedRequest } from './parse.ts';
import { mayRetry, retryWaitMs } from './retry.ts';
import { benchedWord, lastWord, type FailedAttempt, type HeldAnswer } from './verdict.ts';
import type { GatewayParts, Work } from './work.ts';

/** A request that is ready to go out. */
export interface Dispatch extends Work {
  readonly endpoint: Endpoint;
  readonly request: ParsedRequest;
  readonly target: Target;
  readonly body: BodyShare;
  readonly drainer: Drainer;
}

/** Serves the request, or answers with the last word; throws a `GatewayError` where that is ours. */
export async function dispatch(parts: GatewayParts, work: Dispatch): Promise<void> {
  const { target, request, endpoint, record } = work;
  const isStream = request.isStream && endpoint.canStream;
  const addUsage = isStream && !request.asksUsage && target.provider.config.ask_stream_usage !== false;
  const body = editBody(request, { model: target.model, addUsage });
  const failed: FailedAttempt[] = [];
  const tried: string[] = [];

  for (;;) {
    const found = await acquire(parts, work, { providerId: target.provider.id, model: target.model, tried }, failed);
    if (!(found instanceof Lease)) return answerHeld(work, found);
    using lease = found;
    const { member } = lease;
    record.chosenBecause = lease.because;
    tried.push(member.account.id);
    const result = await makeAttempt(parts, work, member, { body, dropsUsage: addUsage });
    if (result.kind === 'answered') {
      record.outcome = result.outcome;
      record.errorCode = result.errorCode;
      return;
    }
    failed.push({ label: member.account.label, failure: result.failure, answer: result.answer });
  }
}

/** The next member, after the waits that are due; or the answer there is when no further attempt is to be made. */
async function acquire(
  parts: GatewayParts,
  work: Dispatch,
  wish: Wish,
  failed: readonly FailedAttempt[],
): Promise<Lease | HeldAnswer> {
  const { clock, pool, random, settings } = parts;
  const { exchange, record, deadlineMs } = work;
  const last = failed.at(-1)?.failure;
  if (last !== undefined && !mayRetry(last, failed.length, settings.MAX_ATTEMPTS)) return giveUp(exchange, failed);
  let isBackoffDue = last !== undefined;
  for (;;) {
    stopIfStopped(exchange);
    const nowMs = clock.nowMs();
    const next = pool.peek(wish, nowMs);
    let waitMs = 0;
    if (!(next instanceof Member)) {
      waitMs = (next.freeAtMs ?? Number.POSITIVE_INFINITY) - nowMs;
      const fits = record.queuedMs + waitMs <= settings.QUEUE_TIMEOUT_MS && nowMs + waitMs < deadlineMs;
      if (!fits) return refuse(work, next, failed, nowMs);
    } else if (isBackoffDue && last !== undefined) {
      isBackoffDue = false;
      waitMs = retryWaitMs(last, failed.length, wish.tried.includes(next.account.id), random());
      if (nowMs + waitMs >= deadlineMs) return giveUp(exchange, failed);
    }
    if (waitMs === 0) return pool.acquire(wish, nowMs);
    await sleep(clock, waitMs, exchange.cancellation);
    if (!(next instanceof Member)) record.queuedMs += clock.nowMs() - nowMs;
  }
}

function stopIfStopped({ cancellation }: Exchange): void {
  if (cancellation.reason !== undefined) throw new StoppedError(cancellation.reason);
}

/** Nobody can serve, and the wait for somebody does not fit. */
function refuse(work: Dispatch, exhausted: Exhausted, failed: readonly FailedAttempt[], nowMs: number): HeldAnswer {
  if (failed.length > 0) return giveUp(work.exchange, failed, exhausted);
  throw exhausted.benched.length > 0 ? benchedWord(exhausted, nowMs) : nobodyThere(work.target);
}

function giveUp(exchange: Exchange, failed: readonly FailedAttempt[], exhausted?: Exhausted): HeldAnswer {
  stopIfStopped(exchange);
  const word = lastWord(failed, exhausted);
  if (word instanceof GatewayError) throw word;
  return word;
}

function nobodyThere(target: Target): GatewayError {
  const { id } = target.provider;
  return new GatewayError(
    'no_account',
    `The provider "${id}" has no active account that may serve the model "${target.model}"; add or activate one with POST /api/v1/accounts.`,
    { shouldRetry: false },
  );
}

async function makeAttempt(
  parts: GatewayParts,
  work: Dispatch,
  member: Member,
  sent: { readonly body: Uint8Array; readonly dropsUsage: boolean },
): Promise<AttemptResult> {
  const { clock, settings, upstream } = parts;
  const { exchange, endpoint, record, target, drainer } = work;
  const attemptRecord: AttemptRecord = {
    n: record.attempts.length + 1,
    accountId: member.account.id,
    providerId: target.provider.id,
    model: target.model,
    startedAtMs: clock.nowMs(),
    status: null,
    outcome: 'unknown',
    failure: null,
    mayHaveReachedUpstream: false,
    firstByteMs: null,
    durationMs: 0,
    usage: null,
    usageSource: 'none',
  };
  record.attempts.push(attemptRecord);
  const result = await attempt({
    exchange,
    endpoint,
    provider: target.provider,
    account: member.account,
    ...sent,
    isBuffered: exchange.header('x-aigateway-stream') === 'buffered',
    upstream,
    drainer,
    clock,
    limits: { firstByteMs: settings.FIRST_BYTE_TIMEOUT_MS, idleMs: settings.STREAM_IDLE_TIMEOUT_MS },
    record: attemptRecord,
    ownHeaders: gatewayHeaders(work),
    onCommit(status) {
      record.status = status;
      record.firstByteMs = clock.nowMs() - record.createdAtMs;
      // The answer is on its way: the body is needed no more.
      work.body[Symbol.dispose]();
    },
  });
  const nowMs = clock.nowMs();
  attemptRecord.durationMs = nowMs - attemptRecord.startedAtMs;
  attemptRecord.outcome = result.kind === 'answered' ? result.outcome : outcomeOf(result.failure);
  attemptRecord.failure = result.failure?.kind ?? null;
  record.usage = attemptRecord.usage;
  record.usageSource = attemptRecord.usageSource;
  if (result.failure === null) member.praise(target.model);
  else member.punish(result.failure, target.model, nowMs);
  return result;
}

/** Says which attempt and which account an answer comes from. */
export function gatewayHeaders({ exchange, record }: Pick<Work, 'exchange' | 'record'>): string[] {
  const headers = ['x-aigateway-request-id', exchange.id, 'x-aigateway-attempts', String(record.attempts.length)];
  const last = record.attempts.at(-1);
  if (last !== undefined) headers.push('x-aigateway-provider', last.providerId, 'x-aigateway-account', last.accountId);
  return headers;
}

/** Gives the client an upstream's own error. Once the gateway has retried, the client's SDK shall not. */
function answerHeld(work: Work, held: HeldAnswer): void {
  const { exchange, record } = work;
  const hasRetried = record.attempts.length > 1;
  const headers: string[] = [];
  for (let i = 0; i + 1 < held.headers.length; i += 2) {
    const name = held.headers[i] as string;
    if (!(hasRetried && name === 'x-should-retry')) headers.push(name, held.headers[i + 1] as string);
  }
  if (hasRetried) headers.push('x-should-retry', 'false');
  const failure = record.attempts.at(-1)?.failure ?? null;
  record.status = held.status;
  record.outcome = record.attempts.at(-1)?.outcome ?? 'upstream_error';
  record.errorCode = failure;
  exchange.answer.start(held.status, [...headers, ...gatewayHeaders(work)]);
  exchange.answer.end(held.body);
}

/** How a failed attempt is booked. */
export function outcomeOf(failure: Failure): Outcome {
  if (failure.source === 'caller') return 'client_error';
  if (failure.kind === 'client_gone') return 'client_cancelled';
  if (failure.kind === 'rate_limited' || failure.kind === 'insufficient_quota') return 'rate_limited';
  return failure.kind.endsWith('_timeout') || failure.kind === 'deadline_passed' ? 'timeout' : 'upstream_error';
}
