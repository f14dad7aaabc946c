// An answer that is not HTTP, or not in one way only.

/** The message says what is wrong with it. */
export class AnswerFormatError extends Error {
  override readonly name = 'AnswerFormatError';
}
