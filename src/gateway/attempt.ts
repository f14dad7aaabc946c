// Attempt: one try on one account. Hears the upstream, watches the clock and the client, ends with a result.
import type { Account } from '../core/account.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Exchange, StopReason } from '../core/exchange.ts';
import type { HeardText } from '../core/heard-text.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import { classifyAnswer, type HeaderReader, type Provider } from '../core/provider.ts';
import type { AttemptRecord, Outcome } from '../core/record.ts';
import { withoutSecret } from '../core/redaction.ts';
import type { UsageReport } from '../core/usage.ts';
import type { Clock } from '../lib/clock.ts';
import { fieldOf } from '../lib/http1/field-list.ts';
import type { AnswerListener, TransportError, Transmission, Upstream } from '../upstream/upstream.ts';
import { ClientSink } from './client-sink.ts';
import type { HoldAnswer } from './commit.ts';
import type { Drainer } from './drainer.ts';
import { answerHeaders, requestHeaders, withoutCredential } from './headers.ts';
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
import type { HeldAnswer } from './verdict.ts';
import { Watchdog } from './watchdog.ts';

/** How long the upstream may take to end after a stream's end mark before its connection is closed. */
const lingerMs = 1000;
const longestRequestId = 200;

/** How an attempt ended. `answered`: the client has the answer, whole or broken off. */
export type AttemptResult = { readonly heard: Heard } & (
  | {
      readonly kind: 'answered';
      readonly outcome: Outcome;
      readonly errorCode: ErrorCode | null;
      readonly failure: Failure | null;
    }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly answer: HeldAnswer | undefined }
);

/** What one attempt is made of. */
export interface AttemptParts {
  readonly exchange: Exchange;
  readonly endpoint: Endpoint;
  readonly provider: Provider;
  readonly account: Account;
  /** Asked right before the first byte leaves; where it says no, the attempt fails. */
  readonly mayLeave: () => boolean;
  /** The body in pieces. An attempt does not keep it: an answer may last much longer than that is needed. */
  readonly body: () => readonly Uint8Array[];
  readonly dropsUsage: boolean;
  readonly isBuffered: boolean;
  readonly hold: HoldAnswer;
  readonly upstream: Upstream;
  readonly drainer: Drainer;
  readonly clock: Clock;
  /** Limits in ms: to the head, and for a stream to its first content; then between two pieces. */
  readonly limits: { readonly firstByteMs: number; readonly idleMs: number };
  readonly record: AttemptRecord;
  /** Where what the model says is put for counting. */
  readonly text: HeardText;
  /** The gateway's own headers of an answer of this attempt, as they are when it comes; name and value in turn. */
  readonly ownHeaders: () => readonly string[];
  /** Names of the upstream's headers that are not for this client. */
  readonly hiddenHeaders: readonly string[];
  /** Called with the headers of the upstream's answer, and again with the body of an error. */
  readonly onAnswer: (header: HeaderReader, errorBody?: Uint8Array) => void;
  /** The cost of what an answer reports, in USD; undefined where it is not known. */
  readonly costOf: (report: UsageReport) => string | undefined;
  /** The client wants the cost in its stream's usage chunk. */
  readonly asksCost: boolean;
  /** Called when the head goes out to the client; `isSent`: the upstream has been sent the whole body. */
  readonly onCommit: (status: number, isSent: boolean) => void;
}

/** One attempt. */
export class Attempt implements AnswerListener {
  readonly #parts: AttemptParts;
  #resolve: (result: AttemptResult) => void = () => {};
  readonly #watchdog: Watchdog;
  readonly #sink: ClientSink;
  #transmission: Transmission | undefined;
  #reception: Reception | undefined;
  #isOver = false;
  #stopListening = (): void => {};
  #giveDrainPlace = (): void => {};
  #hasEnded = false;
  #cancelLinger = (): void => {};

  constructor(parts: AttemptParts) {
    this.#parts = parts;
    this.#watchdog = new Watchdog(parts.clock, () => this.#onSilence());
    const source = { pause: () => this.#pause(), resume: () => this.#resume() };
    const onStart = (status: number): void => parts.onCommit(status, this.#transmission?.isSent === true);
    this.#sink = new ClientSink(parts.exchange, source, onStart);
  }

  /** Makes it; never rejects for what an upstream or a client does. */
  run(): Promise<AttemptResult> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#begin();
    });
  }

  #begin(): void {
    const { exchange, provider, endpoint, account, upstream, body, mayLeave } = this.#parts;
    this.#transmission = upstream.send(
      {
        origin: provider.origin,
        mayBePrivate: provider.config.allow_private === true,
        method: 'POST',
        path: provider.basePath + endpoint.upstreamPath,
        headers: requestHeaders(exchange, account),
        body: body(),
        mayLeave,
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
    const { record, clock, limits, ownHeaders } = this.#parts;
    record.status = status;
    record.firstByteMs = clock.nowMs() - record.startedAtMs;
    const head = this.#head(status, headers);
    record.upstreamRequestId = head.header('x-request-id')?.slice(0, longestRequestId) ?? null;
    this.#parts.onAnswer(head.header);
    this.#sink.setHead(status, head.headers.concat(ownHeaders()));
    this.#reception = this.#receptionFor(head, fieldOf(headers, 'content-type') ?? '');
    // Of a stream the first content is still awaited: its limit runs on.
    if (!this.#awaitsContent()) this.#watchdog.watch(limits.idleMs);
  }

  onData(chunk: Uint8Array): void {
    if (this.#isOver || this.#reception === undefined) return;
    const awaitedContent = this.#awaitsContent();
    const conclusion = this.#reception.take(chunk);
    if (conclusion !== undefined) this.#conclude(conclusion);
    else if (!awaitedContent) this.#watchdog.feed();
    else if (!this.#awaitsContent()) this.#watchdog.watch(this.#parts.limits.idleMs);
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#cancelLinger();
    if (!this.#isOver && this.#reception !== undefined) this.#conclude(this.#reception.close(undefined));
  }

  onError(error: TransportError): void {
    if (this.#isOver || error.problem === 'aborted') return;
    this.#break(failureOf(error.problem, `${this.#parts.provider.origin}: ${error.message}`));
  }

  #head(status: number, received: readonly string[]): AnswerHead {
    const { provider, account, clock, onAnswer, hiddenHeaders } = this.#parts;
    const headers = withoutCredential(received, account.credential);
    const redact = (text: string): string => withoutSecret(text, account.credential);
    const header = (name: string): string | undefined => fieldOf(headers, name);
    return {
      status,
      header,
      headers: answerHeaders(headers, hiddenHeaders),
      redact,
      classify(body) {
        onAnswer(header, body);
        const failure = classifyAnswer(provider, { status, header, body, nowMs: clock.nowMs() });
        return { ...failure, message: redact(failure.message) };
      },
    };
  }

  #receptionFor(head: AnswerHead, contentType: string): Reception {
    const { endpoint, dropsUsage, isBuffered, hold, text, asksCost, costOf } = this.#parts;
    if (head.status < 200 || head.status > 299) return new ErrorReception(head);
    if (!contentType.toLowerCase().startsWith('text/event-stream')) return new WholeReception(head, hold);
    const reader = endpoint.newStreamReader(text);
    const manner = { reader, dropsUsage, isBuffered, hold, costOf: asksCost ? costOf : undefined };
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
    this.#sink.end(
      errorEvent(code, `The answer is incomplete: ${withoutSecret(failure.message, this.#parts.account.credential)}.`),
    );
    const outcome = this.#sink.isMuted || failure.kind === 'client_gone' ? 'client_cancelled' : 'stream_interrupted';
    this.#finish({ kind: 'answered', outcome, errorCode: code, failure, heard });
  }

  #costHeaders(heard: Heard): string[] {
    const cost = this.#parts.costOf(heard);
    return cost === undefined ? [] : ['x-aigateway-cost-usd', cost];
  }

  /** Ends for a reason that does not lie in the answer's own bytes. */
  #break(failure: Failure, code?: ErrorCode): void {
    const none: Conclusion = { kind: 'failed', failure, answer: undefined, heard: nothingHeard };
    this.#conclude(this.#reception?.close(failure, code) ?? none);
  }

  #onSilence(): void {
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
    const givePlace = reason === 'client_gone' ? this.#parts.drainer.take(() => this.#endDrain()) : undefined;
    if (givePlace !== undefined) {
      this.#giveDrainPlace = givePlace;
      this.#sink.mute();
      this.#resume();
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

  #pause(): void {
    this.#watchdog.pause();
    this.#transmission?.pause();
  }

  #resume(): void {
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

const stopWords: Readonly<Record<StopReason, string>> = {
  client_gone: 'the client closed the connection',
  deadline_passed: "the request's time limit passed",
  shutdown: 'the gateway is shutting down',
};
