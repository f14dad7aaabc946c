// What requests asked and were answered, as the database keeps it.

/** One request's transcript. Kept only for a client key that says so when the row is written. */
export interface TranscriptRow {
  readonly request_id: string;
  readonly key_id: string;
  /** When the request was made, ms since the epoch. */
  readonly created_at_ms: number;
  readonly request_text: string;
  /** There was more than is kept. */
  readonly is_request_cut: boolean;
  /** Null where the client got no answer of a model. */
  readonly answer_text: string | null;
  readonly is_answer_cut: boolean;
}

/** The columns of `transcripts`. */
export const transcriptColumns = [
  'request_id',
  'key_id',
  'created_at_ms',
  'request_text',
  'is_request_cut',
  'answer_text',
  'is_answer_cut',
] as const satisfies readonly (keyof TranscriptRow)[];

/** The transcripts that are kept. Rejects with a `StorageError` where the database does not answer. */
export interface TranscriptStore {
  get(requestId: string): Promise<TranscriptRow | undefined>;
  /** False where there is none. */
  remove(requestId: string): Promise<boolean>;
  /** Deletes some of a client key's, few enough that nobody waits long; how many it were. */
  removeSome(keyId: string): Promise<number>;
}
