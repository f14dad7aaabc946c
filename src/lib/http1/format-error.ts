// A message that is not HTTP, or not in one way only.

/** The message says what is wrong with it. */
export class MessageFormatError extends Error {
  override readonly name = 'MessageFormatError';
  /** It is only larger than it may be. */
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}
