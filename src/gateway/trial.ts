// Trial: one attempt with what is noted of it: what it may do is asked here, and what it did is booked here.
import type { HeaderReader } from '../core/provider.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Failure } from '../core/failure.ts';
import type { AttemptRecord, Intent, Outcome, RequestRecord } from '../core/record.ts';
import type { Target } from '../core/route.ts';
import type { UsageReport } from '../core/usage.ts';
import { free } from '../lib/bytes.ts';
import type { AttemptTerms } from '../limits/reservation.ts';
import type { Lease } from '../pool/lease.ts';
import { Attempt } from './attempt.ts';
import type { AttemptOwner, AttemptResult } from './attempt-parts.ts';
import { editBody } from './edit.ts';
import { keptBytes, type KeptPrompt } from './kept-prompt.ts';
import { gatewayHeaders } from './own-headers.ts';
import { costToTell } from './price.ts';
import { hiddenHeaders } from './reserve.ts';
import { asksCostHeader } from './stream-cost.ts';
import { UsageTally } from './tally.ts';
import type { Dispatch, GatewayParts } from './work.ts';

const gone = new Uint8Array(0);
/** An attempt with more bytes than this, those of the answer included, is none to be kept as a specimen. */
const specimenBytes = 256 << 10;

/** By what an attempt is made. */
export interface TrialTerms {
  readonly stop: Target;
  readonly lease: Lease;
  readonly prompt: KeptPrompt;
  readonly terms: AttemptTerms;
}

/** One attempt of a request. Itself what its attempt asks: a closure for each question would be eight for each request. */
export class Trial implements AttemptOwner {
  readonly #parts: GatewayParts;
  readonly #work: Dispatch;
  readonly #of: TrialTerms;
  readonly #record: AttemptRecord;
  readonly #intent: Intent;
  readonly #tally: UsageTally;
  readonly #isStream: boolean;
  readonly #addsUsage: boolean;
  #attempt: Attempt | undefined;
  /** Why it was not let go out. */
  #refusal: GatewayError | undefined;

  /** Notes that it is about to begin; throws the `GatewayError` where that cannot be noted. */
  constructor(parts: GatewayParts, work: Dispatch, of: TrialTerms) {
    const { endpoint, request, record, transcriber } = work;
    const { stop, lease, terms } = of;
    const { provider, model } = stop;
    this.#parts = parts;
    this.#work = work;
    this.#of = of;
    this.#isStream = request.isStream && endpoint.canStream;
    this.#addsUsage = this.#isStream && !request.asksUsage && provider.config.ask_stream_usage !== false;
    this.#record = newAttemptRecord(record.attempts.length + 1, lease.account.id, stop, parts.clock.nowMs());
    this.#record.reservedNanoUsd = terms.reservedNanoUsd;
    record.attempts.push(this.#record);
    try {
      this.#intent = parts.intend(record);
    } catch (error) {
      unmake(record, lease);
      throw error;
    }
    transcriber?.begin();
    const onRuns = transcriber === null ? undefined : (runs: Uint8Array): void => transcriber.hear(runs);
    this.#tally = new UsageTally(parts, model, provider.vendor.encodingOf(model), onRuns);
  }

  /** Makes the attempt. How it ended is to be booked at once. */
  run(): Promise<AttemptResult> {
    const { settings, upstream, clock } = this.#parts;
    const { exchange, endpoint, drainer, key } = this.#work;
    const { stop, lease } = this.#of;
    this.#attempt = new Attempt({
      owner: this,
      exchange,
      endpoint,
      provider: stop.provider,
      account: lease.account,
      isStream: this.#isStream,
      choices: this.#work.request.answers,
      dropsUsage: this.#addsUsage,
      isBuffered: exchange.header('x-aigateway-stream') === 'buffered',
      asksCost: exchange.header(asksCostHeader) === 'true',
      upstream,
      drainer,
      clock,
      limits: { firstByteMs: settings.FIRST_BYTE_TIMEOUT_MS, idleMs: settings.STREAM_IDLE_TIMEOUT_MS },
      record: this.#record,
      text: this.#tally.text,
      hiddenHeaders: hiddenHeaders(key),
    });
    return this.#attempt.run();
  }

  /** Books how it ended; throws where it was not let go out. */
  book(result: AttemptResult): void {
    const { exchange, endpoint, record, transcriber, body, estimates, specimens } = this.#work;
    const { lease, prompt } = this.#of;
    const own = this.#record;
    body.letGoAnswer();
    if (this.#refusal !== undefined) {
      unmake(record, lease);
      throw this.#refusal;
    }
    const nowMs = this.#parts.clock.nowMs();
    own.durationMs = nowMs - own.startedAtMs;
    own.outcome = result.kind === 'answered' ? result.outcome : outcomeOf(result.failure);
    own.failure = result.failure?.kind ?? null;
    // Before it is counted, which takes the text away.
    transcriber?.end(result, this.#tally.text, endpoint.output !== null);
    const estimate = this.#tally.book(own, result, prompt);
    if (estimate !== undefined) estimates.push(estimate);
    if (!own.mayHaveReachedUpstream) lease.refund();
    lease.report(result.failure, nowMs);
    const attempt = this.#attempt;
    if (
      attempt !== undefined &&
      result.kind === 'answered' &&
      record.bodyBytes + exchange.answer.sentBytes <= specimenBytes
    )
      specimens.keep(this.#isStream ? 'stream' : 'whole answer', attempt);
  }

  mayLeave(): boolean {
    this.#refusal = this.#intent();
    return this.#refusal === undefined;
  }

  body(): readonly Uint8Array[] {
    const { stop, terms } = this.#of;
    const { model } = stop;
    return editBody(this.#work.request, { model, addUsage: this.#addsUsage, outputCap: terms.outputCap });
  }

  hold(bytes: number): boolean {
    return this.#work.body.holdAnswer(bytes);
  }

  costOf(report: UsageReport): string | undefined {
    return costToTell(this.#work.record, this.#tally.read(report), this.#parts.configuration().prices);
  }

  ownHeaders(): readonly string[] {
    return gatewayHeaders(this.#parts, this.#work);
  }

  onAnswer(header: HeaderReader, errorBody?: Uint8Array): void {
    const { stop, lease } = this.#of;
    const { vendor } = stop.provider;
    lease.learnQuota(vendor.readQuota(header, errorBody), this.#parts.clock.nowMs());
    lease.learnOwner(vendor.readGroup(errorBody === undefined ? { header } : { header, body: errorBody }));
  }

  onCommit(status: number, isSent: boolean): void {
    const { record, body } = this.#work;
    const { lease, prompt } = this.#of;
    const nowMs = this.#parts.clock.nowMs();
    record.status = status;
    record.firstByteMs = nowMs - record.createdAtMs;
    lease.prove(nowMs);
    body.letGoAnswer();
    // The answer is on its way: no other attempt needs the body.
    if (isSent && prompt.letGo()) letGoBody(this.#work);
  }
}

/** Gives up a body that is too long to be kept for counting, and its place. */
export function letGoBody({ request, body }: Dispatch): void {
  if (request.body.length <= keptBytes) return;
  free(request.body);
  request.body = gone;
  body[Symbol.dispose]();
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

/** How a failed attempt is booked. */
export function outcomeOf(failure: Failure): Outcome {
  if (failure.source === 'caller') return 'client_error';
  if (failure.kind === 'client_gone') return 'client_cancelled';
  if (failure.kind === 'rate_limited' || failure.kind === 'insufficient_quota') return 'rate_limited';
  return failure.kind.endsWith('_timeout') || failure.kind === 'deadline_passed' ? 'timeout' : 'upstream_error';
}
