// Sending one request to a provider and hearing its answer as it comes: the interface, and what can go wrong below HTTP.

/** One request. */
export interface UpstreamRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Whether the administrator has given leave for private networks. */
  readonly mayBePrivate: boolean;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Name and value in turn. */
  readonly headers: readonly string[];
  /** In pieces, which are not kept when they have been sent. */
  readonly body: readonly Uint8Array[] | null;
  /** Asked right before the first byte leaves; where it says no, none leaves, and `onError` follows. */
  readonly mayLeave?: () => boolean;
}

/** What went wrong below HTTP. */
export type TransportProblem = 'connect_timeout' | 'connection_failed' | 'invalid_response' | 'aborted';

/** The transport's own failure, with a message that holds no secret. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly problem: TransportProblem;
  /** A connection from before was lost ere a byte of the answer came: most likely it had been closed already. */
  readonly isStale: boolean;

  constructor(problem: TransportProblem, message: string, cause?: unknown, isStale = false) {
    super(message, { cause });
    this.problem = problem;
    this.isStale = isStale;
  }
}

/** Who hears the answer. Exactly one of `onEnd` and `onError` comes last. */
export interface AnswerListener {
  /** The connection stands and the request's bytes begin to leave. */
  onSent(): void;
  /** `headers` are names in lower case and values in turn. */
  onHead(status: number, headers: readonly string[]): void;
  /** The chunk's memory is somebody else's again when this returns. */
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onError(error: TransportError): void;
}

/** A request under way. */
export interface Transmission {
  /** The whole body has been handed to the connection: it is needed no more. */
  readonly isSent: boolean;
  /** Stops reading from the upstream until `resume`. */
  pause(): void;
  resume(): void;
  /** Closes the connection; `onError` with `aborted` follows unless the answer has ended. */
  abort(): void;
}

/** The way out to the providers. */
export interface Upstream {
  send(request: UpstreamRequest, listener: AnswerListener): Transmission;
  /** Closes idle connections at once, and the others when their answers have ended. */
  close(): Promise<void>;
}
