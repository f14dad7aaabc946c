// Counting tokens that no upstream has counted: the interface.

/** The vocabularies that texts are counted with. */
export type Encoding = 'o200k_base' | 'cl100k_base';

/**
 * What is counted: the runs of a `HeardText`; an answer in one piece or the beginning of one; the prompt in the body of a
 * request; the most that such a body gives a model to read, for whom too low a count is worse than too high a one.
 */
export type CountedKind = 'runs' | 'answer' | 'prompt' | 'largest_prompt';

/** Counts off the event loop. */
export interface TokenEstimator {
  /** The tokens in `bytes`, which it may take over. Never rejects: what cannot be counted in time is guessed from its length. */
  count(kind: CountedKind, encoding: Encoding, bytes: Uint8Array): Promise<number>;
  /** The same, but undefined where it would have to be guessed: for whom a guess may be worse than none. */
  countExactly(kind: CountedKind, encoding: Encoding, bytes: Uint8Array): Promise<number | undefined>;
}

/** Bytes of text that are guessed to be one token where nothing better is known. */
export const guessedBytesPerToken = 4;

/** Tokens of a picture in a prompt, by its `detail`; those of one of 1024 × 1024 points stand for all that are looked at closely. */
export const imageTokens = { low: 85, high: 765 } as const;
