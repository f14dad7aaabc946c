// How much a model can take in and say.

/** Upper bounds, in tokens. */
export interface ModelSize {
  /** Prompt and answer together. */
  readonly contextTokens: number;
  /** One choice of an answer, reasoning included. */
  readonly outputTokens: number;
  /** One image of a prompt. */
  readonly imageTokens: number;
}
