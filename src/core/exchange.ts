// One client request and its answer, as the data plane sees them; who speaks HTTP implements it.
import type { Cancellation } from '../lib/cancellation.ts';
import type { Soon } from '../lib/soon.ts';

/** Who stops a request before its end. */
export type StopReason = 'client_gone' | 'deadline_passed' | 'shutdown';

/** Thrown where a request cannot go on because it was stopped. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`stopped: ${reason}`);
    this.reason = reason;
  }
}

/** The way back to the client. */
export interface ClientAnswer {
  /** The head has gone out: from here on nothing can be taken back. */
  readonly isStarted: boolean;
  /** Bytes of the answer's body handed to the connection so far. */
  readonly sentBytes: number;
  /** Sends status and headers (name and value in turn). */
  start(status: number, headers: readonly string[]): void;
  /**
   * False when the client reads too slowly: write no more before `onceWritable`. The memory of `bytes` is the caller's
   * again when this returns.
   */
  write(bytes: Uint8Array): boolean;
  /** Calls back once, when the client has caught up. */
  onceWritable(resume: () => void): void;
  /** Ends the answer, with a last piece if there is one. */
  end(bytes?: Uint8Array | string): void;
}

/** Where the bytes of a body are counted while it comes in. */
export interface BodyRoom {
  /** Called before anything is read; throws to refuse the size that the client states. `onRefused` hears where the place is taken back. */
  begin(announcedBytes: number | undefined, onRefused: (error: Error) => void): void;
  /** Asked before more bytes are taken in; throws to refuse them. */
  add(bytes: number): void;
  /** The body is whole: its place can no longer be taken back. */
  end(): void;
}

/** One client request and its answer. */
export interface Exchange {
  readonly id: string;
  readonly receivedAtMs: number;
  readonly method: string;
  /** The path without the query: what router and permission check both see. */
  readonly path: string;
  /** As received, name in lower case and value in turn. */
  readonly headers: readonly string[];
  /** The address of who is connected, undefined when they have gone; no header can change it. */
  readonly peerAddress: string | undefined;
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined;
  readonly cancellation: Cancellation<StopReason>;
  /**
   * Reads the whole body and keeps nothing of it.
   * Rejects with a `GatewayError` when refused, with a `StoppedError` when the request is stopped meanwhile.
   */
  readBody(room: BodyRoom): Soon<Uint8Array>;
  readonly answer: ClientAnswer;
}
