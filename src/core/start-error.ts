// A start that cannot be.

/** The message is one sentence for the person who tried. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
