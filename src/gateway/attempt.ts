// Attempt: one try on one account. Hears the upstream, watches the clock and the client, ends with a result.
import type { ErrorCode } from '../core/errors.ts';
import type { StopReason } from '../core/exchange.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { classifyAnswer, type HeaderReader } from '../core/provider.ts';
import { withoutSecret } from '../core/redaction.ts';
import type { UsageReport } from '../core/usage.ts';
import { fieldOf } from '../lib/http1/field-list.ts';
import { ownText } from '../lib/own-text.ts';
import { remembering } from '../lib/remembering.ts';
import type { AnswerListener, TransportError, Transmission } from '../upstream/upstream.ts';
import type { AttemptParts, AttemptResult } from './attempt-parts.ts';
import { ClientSink, type SinkOwner } from './client-sink.ts';
import { filterAnswer } from './answer-filter.ts';
import { requestHeaders } from './headers.ts';
import {
  ErrorReception,
  WholeReception,
  nothingHeard,
  type AnswerHead,
  type Conclusion,
  type Heard,
  type Reception,
} from './reception.ts';
import { errorEvent } from './relay.ts';
import { StreamReception } from './stream-reception.ts';
import { UndeclaredReception } from './undeclared-reception.ts';
import { Watchdog, type SilenceListener } from './watchdog.ts';

/** How long the upstream may take to end after a stream's end mark before its connection is closed. */
const lingerMs = 1000;
/** How long the end mark and the usage may stay away when nothing else is still to come: without them the stream is whole as well. */
const endMarkMs = 2000;
const longestRequestId = 200;
const nothing = (): void => {};

/** One attempt. */
export class Attempt implements AnswerListener, SinkOwner, SilenceListener {
  readonly #parts: AttemptParts;
  #resolve: (result: AttemptResult) => void = nothing;
  readonly #watchdog: Watchdog;
  readonly #sink: ClientSink;
  #transmission: Transmission | undefined;
  #reception: Reception | undefined;
  #isOver = false;
  #stopListening = nothing;
  #giveDrainPlace = nothing;
  #hasEnded = false;
  /** The limit for the end mark is the one that counts; should more content come, it no longer is. */
  #awaitsEnd = false;
  #cancelLinger = nothing;
  readonly #hold = (bytes: number): boolean => this.#parts.owner.hold(bytes);

  constructor(parts: AttemptParts) {
    this.#parts = parts;
    this.#watchdog = new Watchdog(parts.clock, this);
    this.#sink = new ClientSink(parts.exchange, this);
  }

  /** Makes it; never rejects for what an upstream or a client does. */
  run(): Promise<AttemptResult> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#begin();
    });
  }

  #begin(): void {
    const { owner, exchange, provider, endpoint, account, upstream } = this.#parts;
    this.#transmission = upstream.send(
      {
        origin: provider.origin,
        mayBePrivate: provider.config.allow_private === true,
        method: 'POST',
        path: provider.basePath + endpoint.upstreamPath,
        headers: requestHeaders(exchange, account),
        body: owner.body(),
        mayLeave: () => owner.mayLeave(),
      },
      this,
    );
    this.#stopListening = exchange.cancellation.onCancel((reason) => this.#onStop(reason));
  }

  onSent(): void {
    this.#parts.record.mayHaveReachedUpstream = true;
    this.#watchdog.watch(this.#parts.limits.firstByteMs);
  }

  onHead(status: number, headers: readonly string[]): void {
    const { owner, record, clock, limits } = this.#parts;
    record.status = status;
    record.firstByteMs = clock.nowMs() - record.startedAtMs;
    const head = new UpstreamHead(this.#parts, status, headers);
    const requestId = head.header('x-request-id');
    if (requestId !== undefined) record.upstreamRequestId = ownText(requestId.slice(0, longestRequestId));
    owner.onAnswer(head.header);
    this.#sink.setHead(status, head.headers, owner.ownHeaders());
    this.#reception = this.#receptionFor(head, fieldOf(headers, 'content-type') ?? '');
    // Of a stream the first content is still awaited: its limit runs on.
    if (!this.#awaitsContent()) this.#watchdog.watch(limits.idleMs);
  }

  onData(chunk: Uint8Array): void {
    if (this.#isOver || this.#reception === undefined) return;
    const awaitedContent = this.#awaitsContent();
    const conclusion = this.#reception.take(chunk);
    if (conclusion !== undefined) this.#conclude(conclusion);
    else if (this.#reception.isComplete) {
      // Not anew with each piece: comments may go on for ever.
      if (!this.#awaitsEnd) this.#watchdog.watch(Math.min(this.#parts.limits.idleMs, endMarkMs));
      this.#awaitsEnd = true;
    } else if (!awaitedContent && !this.#awaitsEnd) this.#watchdog.feed();
    else if (!this.#awaitsContent()) {
      this.#awaitsEnd = false;
      this.#watchdog.watch(this.#parts.limits.idleMs);
    }
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#cancelLinger();
    if (!this.#isOver && this.#reception !== undefined) this.#conclude(this.#reception.close(undefined));
  }

  onError(error: TransportError): void {
    if (this.#isOver || error.problem === 'aborted') return;
    const facts = error.isStale ? { isStale: true } : undefined;
    this.#break(failureOf(error.problem, `${this.#parts.provider.origin}: ${error.message}`, facts));
  }

  #receptionFor(head: AnswerHead, contentType: string): Reception {
    const { isStream } = this.#parts;
    if (head.status < 200 || head.status > 299) return new ErrorReception(head);
    if (declaresStream(contentType)) return this.#streamReception(head);
    if (!isStream) return new WholeReception(head, this.#hold);
    return new UndeclaredReception(
      () => this.#streamReception(head),
      () => new WholeReception(head, this.#hold),
    );
  }

  #streamReception(head: AnswerHead): StreamReception {
    const { owner, endpoint, choices, dropsUsage, isBuffered, text, asksCost } = this.#parts;
    const reader = endpoint.newStreamReader(text);
    const costOf = asksCost ? (report: UsageReport): string | undefined => owner.costOf(report) : undefined;
    const manner = {
      reader,
      choices,
      isOnePrompt: !endpoint.takesPrompts,
      dropsUsage,
      isBuffered,
      hold: this.#hold,
      costOf,
    };
    return new StreamReception(head, manner, this.#sink);
  }

  /** The first-byte limit is still the one that counts. */
  #awaitsContent(): boolean {
    return this.#reception?.hasContent !== true;
  }

  #conclude(conclusion: Conclusion): void {
    const { heard } = conclusion;
    if (conclusion.kind === 'failed') {
      this.#transmission?.abort();
      this.#finish(conclusion);
      return;
    }
    if (conclusion.kind === 'whole') {
      if (conclusion.body === undefined) this.#sink.end();
      else this.#sink.sendWhole(conclusion.body, this.#costHeaders(heard));
      this.#linger();
      const outcome = this.#sink.isMuted ? 'client_cancelled' : 'ok';
      this.#finish({ kind: 'answered', outcome, errorCode: null, failure: null, heard });
      return;
    }
    // After the point of no return: say in the stream that it broke, and end it without an end mark.
    const { code, failure } = conclusion;
    this.#transmission?.abort();
    const what = withoutSecret(failure.message, this.#parts.account.credential).replace(/\.$/u, '');
    this.#sink.end(errorEvent(code, `The answer is incomplete: ${what}.`));
    const isClients = this.#sink.isMuted || failure.kind === 'client_gone';
    const outcome = isClients ? 'client_cancelled' : 'stream_interrupted';
    this.#finish({ kind: 'answered', outcome, errorCode: isClients ? null : code, failure, heard });
  }

  #costHeaders(heard: Heard): string[] {
    const cost = this.#parts.owner.costOf(heard);
    return cost === undefined ? [] : ['x-aigateway-cost-usd', cost];
  }

  /** Ends for a reason that does not lie in the answer's own bytes. */
  #break(failure: Failure, code?: ErrorCode): void {
    const none: Conclusion = { kind: 'failed', failure, answer: undefined, heard: nothingHeard };
    this.#conclude(this.#reception?.close(failure, code) ?? none);
  }

  onSilence(): void {
    const { limits, provider } = this.#parts;
    const what = this.#reception === undefined ? 'no answer' : 'no content';
    this.#transmission?.abort();
    if (this.#awaitsContent()) {
      const message = `${provider.origin} sent ${what} within the first-byte limit of ${limits.firstByteMs} ms`;
      this.#break(failureOf('first_byte_timeout', message));
    } else {
      const message = `${provider.origin} was silent longer than the idle limit of ${limits.idleMs} ms`;
      this.#break(failureOf('idle_timeout', message), 'upstream_stream_stalled');
    }
  }

  #onStop(reason: StopReason): void {
    if (this.#isOver) return;
    // What has not left need not: nobody waits for the answer.
    const mayDrain = reason === 'client_gone' && this.#parts.record.mayHaveReachedUpstream;
    const givePlace = mayDrain ? this.#parts.drainer.take(() => this.#endDrain()) : undefined;
    if (givePlace !== undefined) {
      this.#giveDrainPlace = givePlace;
      this.#sink.mute();
      this.resume();
      return;
    }
    if (reason === 'client_gone') this.#sink.mute();
    this.#transmission?.abort();
    this.#break(failureOf(reason, stopWords[reason]));
  }

  #endDrain(): void {
    if (this.#isOver) return;
    this.#transmission?.abort();
    this.#break(failureOf('client_gone', stopWords.client_gone));
  }

  onStart(status: number): void {
    this.#parts.owner.onCommit(status, this.#transmission?.isSent === true);
  }

  pause(): void {
    this.#watchdog.pause();
    this.#transmission?.pause();
  }

  resume(): void {
    this.#watchdog.resume();
    this.#transmission?.resume();
  }

  /** The answer is whole: the connection may be used again if the upstream ends soon. */
  #linger(): void {
    if (this.#hasEnded) return;
    this.#transmission?.resume();
    this.#cancelLinger = this.#parts.clock.after(lingerMs, () => this.#transmission?.abort());
  }

  #finish(result: AttemptResult): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watchdog.stop();
    this.#stopListening();
    this.#giveDrainPlace();
    this.#resolve(result);
  }
}

/** The head of an upstream's answer. */
class UpstreamHead implements AnswerHead {
  readonly status: number;
  readonly headers: string[];
  readonly header: HeaderReader;
  readonly #parts: AttemptParts;

  constructor(parts: AttemptParts, status: number, received: readonly string[]) {
    const { all, shown } = filterAnswer(parts.account, parts.hiddenHeaders, received);
    this.status = status;
    this.headers = shown;
    this.header = (name) => fieldOf(all, name);
    this.#parts = parts;
  }

  redact(text: string): string {
    return withoutSecret(text, this.#parts.account.credential);
  }

  classify(body: Uint8Array): Failure {
    const { owner, provider, clock } = this.#parts;
    const { status, header } = this;
    owner.onAnswer(header, body);
    const failure = classifyAnswer(provider, { status, header, body, nowMs: clock.nowMs() });
    return { ...failure, message: this.redact(failure.message) };
  }
}

const declaresStream = remembering((contentType) => contentType.toLowerCase().startsWith('text/event-stream'));

const stopWords: Readonly<Record<StopReason, string>> = {
  client_gone: 'the client closed the connection',
  deadline_passed: "the request's time limit passed",
  shutdown: 'the gateway is shutting down',
};
