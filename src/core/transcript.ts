// What one request asked and was answered, as it is kept for a client key that says so.

/** At most so much is kept of each side of a request, bytes; the rest is cut off. */
export const transcriptLimitBytes: number = 64 << 10;

/** The beginning of one side. */
export interface KeptBytes {
  readonly bytes: Uint8Array;
  /** There was more. */
  readonly isCut: boolean;
}

/** One request's transcript, as bytes: they are read by whoever writes them down. */
export interface Transcript {
  readonly requestId: string;
  readonly keyId: string;
  readonly createdAtMs: number;
  /** The request's body. */
  readonly request: KeptBytes;
  /** Null where the client got no answer of a model. */
  readonly answer: KeptAnswer | null;
}

/** `body`: an answer in one piece, as it came. `runs`: what was said in a stream, see heard-text.ts. */
export interface KeptAnswer extends KeptBytes {
  readonly form: 'body' | 'runs';
}

/** The beginning of a text's bytes, in memory of its own where they are too long to be held on to. */
export function keepBytes(all: Uint8Array): KeptBytes {
  if (all.length <= transcriptLimitBytes) return { bytes: all, isCut: false };
  return { bytes: new Uint8Array(all.subarray(0, transcriptLimitBytes)), isCut: true };
}
