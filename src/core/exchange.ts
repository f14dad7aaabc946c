// One client request and its answer, as the data plane sees them; who speaks HTTP implements it.
import type { Cancellation } from '../lib/cancellation.ts';

/** Who stops a request before its end. */
export type StopReason = 'client_gone' | 'deadline_passed' | 'shutdown';

/** The way back to the client. */
export interface ClientAnswer {
  /** The head has gone out: from here on nothing can be taken back. */
  readonly isStarted: boolean;
  /** Sends status and headers (name and value in turn). */
  start(status: number, headers: readonly string[]): void;
  /** False when the client reads too slowly: write no more before `onceWritable`. */
  write(bytes: Uint8Array): boolean;
  /** Calls back once, when the client has caught up. */
  onceWritable(resume: () => void): void;
  /** Ends the answer, with a last piece if there is one. */
  end(bytes?: Uint8Array | string): void;
}

/** One client request and its answer. */
export interface Exchange {
  readonly id: string;
  readonly receivedAtMs: number;
  readonly method: string;
  /** The path without the query: what router and permission check both see. */
  readonly path: string;
  /** As received, name and value in turn. */
  readonly headers: readonly string[];
  /** The first value of a header, by its name in lower case. */
  header(name: string): string | undefined;
  readonly cancellation: Cancellation<StopReason>;
  /** The length the client announced, or undefined where it did not. */
  readonly announcedBytes: number | undefined;
  /**
   * Reads the whole body. `reserve` is asked before more bytes are taken in and throws to refuse them.
   * Rejects with a `GatewayError` when refused, and never settles when the client has gone.
   */
  readBody(reserve: (bytes: number) => void): Promise<Uint8Array>;
  readonly answer: ClientAnswer;
}
