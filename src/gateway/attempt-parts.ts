// What one attempt is made of, and how it ends.
import type { Account } from '../core/account.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Failure } from '../core/failure.ts';
import type { HeardText } from '../core/heard-text.ts';
import type { HeaderReader, Provider } from '../core/provider.ts';
import type { AttemptRecord, Outcome } from '../core/record.ts';
import type { UsageReport } from '../core/usage.ts';
import type { Clock } from '../lib/clock.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Drainer } from './drainer.ts';
import type { Heard } from './reception.ts';
import type { HeldAnswer } from './verdict.ts';

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

/** Whose attempt it is: who is asked, and told, on its way. */
export interface AttemptOwner {
  /** Asked right before the first byte leaves; where it says no, the attempt fails. */
  mayLeave(): boolean;
  /** The body in pieces. An attempt does not keep it: an answer may last much longer than that is needed. */
  body(): readonly Uint8Array[];
  /** As `HoldAnswer`. */
  hold(bytes: number): boolean;
  /** The gateway's own headers of an answer of this attempt, as they are when it comes; name and value in turn. */
  ownHeaders(): readonly string[];
  /** Called with the headers of the upstream's answer, and again with the body of an error. */
  onAnswer(header: HeaderReader, errorBody?: Uint8Array): void;
  /** The cost of what an answer reports, in USD; undefined where it is not known. */
  costOf(report: UsageReport): string | undefined;
  /** Called when the head goes out to the client; `isSent`: the upstream has been sent the whole body. */
  onCommit(status: number, isSent: boolean): void;
}

/** What one attempt is made of. */
export interface AttemptParts {
  readonly owner: AttemptOwner;
  readonly exchange: Exchange;
  readonly endpoint: Endpoint;
  readonly provider: Provider;
  readonly account: Account;
  /** A stream was asked for. */
  readonly isStream: boolean;
  /** How many answers were asked for. */
  readonly choices: number;
  readonly dropsUsage: boolean;
  readonly isBuffered: boolean;
  /** The client wants the cost in its stream's usage chunk. */
  readonly asksCost: boolean;
  readonly upstream: Upstream;
  readonly drainer: Drainer;
  readonly clock: Clock;
  /** Limits in ms: to the head, and for a stream to its first content; then between two pieces. */
  readonly limits: { readonly firstByteMs: number; readonly idleMs: number };
  readonly record: AttemptRecord;
  /** Where what the model says is put for counting. */
  readonly text: HeardText;
  /** Names of the upstream's headers that are not for this client. */
  readonly hiddenHeaders: readonly string[];
}
