// Receives a stream: relays it, and tells a failure that can still be mended from one that the client must be told.
import type { StreamReader } from '../core/endpoint.ts';
import type { ErrorCode } from '../core/errors.ts';
import { failureOf, type Failure } from '../core/failure.ts';
import type { UsageReport } from '../core/usage.ts';
import { CommitGate, type AnswerSink, type HoldAnswer } from './commit.ts';
import {
  errorUnderSuccess,
  heldLimitBytes,
  type AnswerHead,
  type Conclusion,
  type Heard,
  type Reception,
} from './reception.ts';
import { StreamRelay, type StreamState } from './relay.ts';

/** How a stream is to be passed on. */
export interface StreamManner {
  readonly reader: StreamReader;
  /** How many answers were asked for. */
  readonly choices: number;
  /** There are no more answers than that. */
  readonly isOnePrompt: boolean;
  /** Leave out the usage chunk: the gateway asked for it, the client did not. */
  readonly dropsUsage: boolean;
  /** Commit only when the whole stream is there. */
  readonly isBuffered: boolean;
  readonly hold: HoldAnswer;
  /** The cost of what a usage chunk reports, to be put into it; undefined where the client did not ask for that. */
  readonly costOf: ((report: UsageReport) => string | undefined) | undefined;
}

/** Receives one stream. */
export class StreamReception implements Reception {
  readonly #head: AnswerHead;
  readonly #gate: CommitGate;
  readonly #relay: StreamRelay;

  constructor(head: AnswerHead, manner: StreamManner, sink: AnswerSink) {
    this.#head = head;
    this.#gate = new CommitGate(sink, heldLimitBytes, manner.hold);
    this.#relay = new StreamRelay({ ...manner, gate: this.#gate });
  }

  /** A part of it has gone to the client. */
  get isCommitted(): boolean {
    return this.#gate.isOpen;
  }

  get hasContent(): boolean {
    return this.#relay.hasContent;
  }

  get isComplete(): boolean {
    return this.#relay.isComplete;
  }

  take(chunk: Uint8Array): Conclusion | undefined {
    const state = this.#relay.push(chunk);
    return state.kind === 'running' ? undefined : this.#conclude(state);
  }

  close(broken: Failure | undefined, code?: ErrorCode): Conclusion {
    return this.#conclude(this.#relay.end(), broken, code);
  }

  #conclude(state: StreamState, broken?: Failure, code?: ErrorCode): Conclusion {
    const heard: Heard = { ...this.#relay.report, isUsageStale: this.#relay.isUsageStale, body: undefined };
    if (state.kind === 'whole') return { kind: 'whole', body: undefined, heard: { ...heard, isUsageStale: false } };
    if (broken === undefined && state.kind === 'error' && !this.isCommitted) {
      return errorUnderSuccess(this.#head, errorBody(state.error));
    }
    const failure = broken ?? this.#failureOf(state);
    if (!this.isCommitted) return { kind: 'failed', failure, answer: undefined, heard };
    const fallback = state.kind === 'malformed' ? 'upstream_invalid_response' : 'upstream_stream_interrupted';
    return { kind: 'broken', failure, code: code ?? fallback, heard };
  }

  #failureOf(state: StreamState): Failure {
    const { status } = this.#head;
    if (state.kind === 'error') return this.#head.classify(errorBody(state.error));
    if (state.kind === 'malformed') return failureOf('invalid_response', state.message, { status });
    return failureOf('invalid_response', 'the stream ended before it was complete', { status });
  }
}

function errorBody(error: unknown): Uint8Array {
  return Buffer.from(JSON.stringify({ error }));
}
