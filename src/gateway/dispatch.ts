// Dispatch: the loop of attempts. It has no rule of its own: who serves, whether to retry and how long to wait are decided elsewhere.
import type { Endpoint } from '../core/endpoint.ts';
import { GatewayError } from '../core/errors.ts';
import type { Failure } from '../core/failure.ts';
import type { AttemptRecord, Intent, Outcome, RequestRecord } from '../core/record.ts';
import type { Target } from '../core/route.ts';
import type { AttemptTerms } from '../limits/reservation.ts';
import { free } from '../lib/bytes.ts';
import { Lease } from '../pool/lease.ts';
import type { BodyShare } from './admit.ts';
import type { Specimens } from '../lib/specimens.ts';
import { Attempt } from './attempt.ts';
import type { AttemptResult } from './attempt-parts.ts';
import type { Drainer } from './drainer.ts';
import { KeptPrompt, keptBytes } from './kept-prompt.ts';
import { currentStop, nextLease, stopIfStopped, type Journey } from './next-lease.ts';
import { editBody } from './edit.ts';
import { estimateTokens, type ParsedRequest } from './parse.ts';
import { hiddenHeaders, keyHeaders, termsOf } from './reserve.ts';
import { UsageTally } from './tally.ts';
import { costToTell } from './price.ts';
import { asksCostHeader } from './stream-cost.ts';
import type { Stop } from './targets.ts';
import { lastWord, type HeldAnswer } from './verdict.ts';
import type { GatewayParts, Work } from './work.ts';

const gone = new Uint8Array(0);

/** A request that is ready to go out. */
export interface Dispatch extends Work {
  readonly endpoint: Endpoint;
  readonly request: ParsedRequest;
  /** Its targets in order. */
  readonly stops: readonly Stop[];
  readonly body: BodyShare;
  readonly drainer: Drainer;
  readonly specimens: Specimens;
}

/** An attempt with more bytes than this, those of the answer included, is none to be kept as a specimen. */
const specimenBytes = 256 << 10;

/** Serves the request, or answers with the upstream's last word; throws a `GatewayError` where that is ours. */
export async function dispatch(parts: GatewayParts, work: Dispatch): Promise<void> {
  const { record } = work;
  try {
    const journey = journeyOf(work);
    const prompt = new KeptPrompt(work.request.body, work.request.content);
    for (;;) {
      const next = nextLease(parts, journey);
      const found = next instanceof Promise ? await next : next;
      if (!(found instanceof Lease)) return answerHeld(parts, work, found);
      const lease = found;
      // `using` would cost 0.4 µs.
      try {
        const { account } = lease;
        const stop = currentStop(journey);
        record.chosenBecause = journey.stop === 0 ? lease.because : `${stop.because}: ${lease.because}`;
        journey.tried.push(account.id);
        const asked = termsOf(work, stop);
        const terms = asked instanceof Promise ? await asked : asked;
        if (terms instanceof GatewayError || work.exchange.cancellation.isCancelled) {
          lease.refund();
          stopIfStopped(work.exchange);
        }
        if (terms instanceof GatewayError) {
          if (journey.failed.length === 0) throw terms;
          return answerLast(parts, work, journey);
        }
        const trial = prepare(parts, work, stop, lease, { prompt, terms });
        const result = await trial.attempt.run();
        book(parts, work, lease, trial, result, prompt);
        if (result.kind === 'answered') {
          record.outcome = result.outcome;
          record.errorCode = result.errorCode;
          work.specimens.keep('journey', journey);
          return;
        }
        journey.failed.push({ label: account.label, failure: result.failure, answer: result.answer });
      } finally {
        lease[Symbol.dispose]();
      }
    }
  } finally {
    letGo(work);
  }
}

function journeyOf(work: Dispatch): Journey {
  return {
    exchange: work.exchange,
    record: work.record,
    key: work.key,
    reservation: work.reservation,
    transcriber: work.transcriber,
    deadlineMs: work.deadlineMs,
    estimates: work.estimates,
    stops: work.stops,
    stop: 0,
    tokens: estimateTokens(work.request),
    failed: [],
    tried: [],
    askedProviders: [],
  };
}

/** Gives up a body that is too long to be kept for counting, and its place. */
function letGo({ request, body }: Dispatch): void {
  if (request.body.length <= keptBytes) return;
  free(request.body);
  request.body = gone;
  body[Symbol.dispose]();
}

/** No further attempt may be made: the last one's failure is the answer. */
function answerLast(parts: GatewayParts, work: Work, { failed }: Journey): void {
  const word = lastWord(failed, true);
  if (word instanceof GatewayError) throw word;
  answerHeld(parts, work, word);
}

/** An attempt with what is noted of it. */
interface Trial {
  readonly attempt: Attempt;
  readonly record: AttemptRecord;
  readonly tally: UsageTally;
  readonly isStream: boolean;
  /** Why it was not let go out. */
  refusal: GatewayError | undefined;
}

function prepare(
  parts: GatewayParts,
  work: Dispatch,
  target: Target,
  lease: Lease,
  { prompt, terms }: { readonly prompt: KeptPrompt; readonly terms: AttemptTerms },
): Trial {
  const { clock, settings, upstream } = parts;
  const { exchange, endpoint, request, record, drainer, transcriber } = work;
  const { provider, model } = target;
  const { account } = lease;
  const { prices } = parts.configuration();
  const isStream = request.isStream && endpoint.canStream;
  const addUsage = isStream && !request.asksUsage && provider.config.ask_stream_usage !== false;
  const attemptRecord = newAttemptRecord(record.attempts.length + 1, account.id, target, clock.nowMs());
  attemptRecord.reservedNanoUsd = terms.reservedNanoUsd;
  record.attempts.push(attemptRecord);
  let intent: Intent;
  try {
    intent = parts.intend(record);
  } catch (error) {
    unmake(record, lease);
    throw error;
  }
  transcriber?.begin();
  const onRuns = transcriber === null ? undefined : (runs: Uint8Array): void => transcriber.hear(runs);
  const tally = new UsageTally(parts, model, provider.vendor.encodingOf(model), onRuns);
  const attempt = new Attempt({
    exchange,
    endpoint,
    provider,
    account,
    mayLeave: () => (trial.refusal = intent()) === undefined,
    body: () => editBody(request, { model, addUsage, outputCap: terms.outputCap }),
    isStream,
    dropsUsage: addUsage,
    isBuffered: exchange.header('x-aigateway-stream') === 'buffered',
    hold: (bytes) => work.body.holdAnswer(bytes),
    upstream,
    drainer,
    clock,
    limits: { firstByteMs: settings.FIRST_BYTE_TIMEOUT_MS, idleMs: settings.STREAM_IDLE_TIMEOUT_MS },
    record: attemptRecord,
    text: tally.text,
    costOf: (report) => costToTell(record, tally.read(report), prices),
    asksCost: exchange.header(asksCostHeader) === 'true',
    ownHeaders: () => gatewayHeaders(parts, work),
    hiddenHeaders: hiddenHeaders(work.key),
    onAnswer(header, errorBody) {
      const { vendor } = provider;
      lease.learnQuota(vendor.readQuota(header, errorBody), clock.nowMs());
      lease.learnOwner(vendor.readGroup(errorBody === undefined ? { header } : { header, body: errorBody }));
    },
    onCommit(status, isSent) {
      record.status = status;
      const nowMs = clock.nowMs();
      record.firstByteMs = nowMs - record.createdAtMs;
      lease.prove(nowMs);
      work.body.letGoAnswer();
      // The answer is on its way: no other attempt needs the body.
      if (isSent && prompt.letGo()) letGo(work);
    },
  });
  const trial: Trial = { attempt, record: attemptRecord, tally, isStream, refusal: undefined };
  return trial;
}

/** Books how an attempt ended; throws where it was not let go out. */
function book(
  parts: GatewayParts,
  work: Dispatch,
  lease: Lease,
  { attempt, record: attemptRecord, tally, isStream, refusal }: Trial,
  result: AttemptResult,
  prompt: KeptPrompt,
): void {
  const { exchange, endpoint, record, transcriber } = work;
  work.body.letGoAnswer();
  if (refusal !== undefined) {
    unmake(record, lease);
    throw refusal;
  }
  const nowMs = parts.clock.nowMs();
  attemptRecord.durationMs = nowMs - attemptRecord.startedAtMs;
  attemptRecord.outcome = result.kind === 'answered' ? result.outcome : outcomeOf(result.failure);
  attemptRecord.failure = result.failure?.kind ?? null;
  // Before it is counted, which takes the text away.
  transcriber?.end(result, tally.text, endpoint.output !== null);
  const estimate = tally.book(attemptRecord, result, prompt);
  if (estimate !== undefined) work.estimates.push(estimate);
  if (!attemptRecord.mayHaveReachedUpstream) lease.refund();
  lease.report(result.failure, nowMs);
  if (result.kind === 'answered' && record.bodyBytes + exchange.answer.sentBytes <= specimenBytes)
    work.specimens.keep(isStream ? 'stream' : 'whole answer', attempt);
}

/** The last attempt has not been made after all. */
function unmake(record: RequestRecord, lease: Lease): void {
  record.attempts.pop();
  lease.refund();
}

function newAttemptRecord(
  n: number,
  accountId: string,
  { provider, model }: Target,
  startedAtMs: number,
): AttemptRecord {
  return {
    n,
    accountId,
    providerId: provider.id,
    model,
    startedAtMs,
    status: null,
    outcome: 'unknown',
    failure: null,
    mayHaveReachedUpstream: false,
    firstByteMs: null,
    durationMs: 0,
    usage: null,
    usageSource: 'none',
    rawUsage: null,
    serviceTier: null,
    upstreamRequestId: null,
    reservedNanoUsd: null,
    costNanoUsd: null,
    priceId: null,
  };
}

/** Says which attempt and which account an answer comes from, and how the key's own limits stand. */
export function gatewayHeaders(parts: Pick<GatewayParts, 'limiter'>, { exchange, record, key }: Work): string[] {
  const headers = ['x-aigateway-request-id', exchange.id, 'x-aigateway-attempts', String(record.attempts.length)];
  const last = record.attempts.at(-1);
  if (last !== undefined) headers.push('x-aigateway-provider', last.providerId, 'x-aigateway-account', last.accountId);
  for (const text of keyHeaders(parts, key)) headers.push(text);
  return headers;
}

/** Gives the client an upstream's own error. Once the gateway has retried, the client's SDK shall not. */
function answerHeld(parts: GatewayParts, work: Work, held: HeldAnswer): void {
  const { exchange, record } = work;
  const hasRetried = record.attempts.length > 1;
  const headers: string[] = [];
  for (let i = 0; i + 1 < held.headers.length; i += 2) {
    const name = held.headers[i] as string;
    if (!(hasRetried && name === 'x-should-retry')) headers.push(name, held.headers[i + 1] as string);
  }
  if (hasRetried) headers.push('x-should-retry', 'false');
  const last = record.attempts.at(-1);
  record.status = held.status;
  record.outcome = last?.outcome ?? 'upstream_error';
  record.errorCode = last?.failure ?? null;
  exchange.answer.start(held.status, [...headers, ...gatewayHeaders(parts, work)]);
  exchange.answer.end(held.body);
}

/** How a failed attempt is booked. */
export function outcomeOf(failure: Failure): Outcome {
  if (failure.source === 'caller') return 'client_error';
  if (failure.kind === 'client_gone') return 'client_cancelled';
  if (failure.kind === 'rate_limited' || failure.kind === 'insufficient_quota') return 'rate_limited';
  return failure.kind.endsWith('_timeout') || failure.kind === 'deadline_passed' ? 'timeout' : 'upstream_error';
}
