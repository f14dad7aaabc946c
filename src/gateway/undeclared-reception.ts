// Receives an answer to who asked for a stream that is not declared as one: its first byte says which of the two it is.
import type { ErrorCode } from '../core/errors.ts';
import type { Failure } from '../core/failure.ts';
import { joinBytes } from '../lib/bytes.ts';
import { mayBecomeMark, withoutMark } from '../lib/byte-order-mark.ts';
import { skipSpace } from '../lib/json-scan.ts';
import type { Conclusion, Reception } from './reception.ts';

/** How a line of a stream can begin: with a field's name or a comment. JSON objects and pages begin otherwise. */
const openings = new Set(Buffer.from('deir:'));
/** More white space than this is no beginning of a stream. */
const longestSpace = 4096;
const nothing: Uint8Array = new Uint8Array();

/** OpenAI's own clients do not look at the content type either (test/fixtures/openai-wire.md section 5). */
export class UndeclaredReception implements Reception {
  readonly #asStream: () => Reception;
  readonly #asWhole: () => Reception;
  #chosen: Reception | undefined;
  /** White space or a part of a byte order mark, which says nothing yet. */
  #held: Uint8Array = nothing;

  constructor(asStream: () => Reception, asWhole: () => Reception) {
    this.#asStream = asStream;
    this.#asWhole = asWhole;
  }

  get hasContent(): boolean {
    return this.#chosen?.hasContent === true;
  }

  get isComplete(): boolean {
    return this.#chosen?.isComplete === true;
  }

  take(chunk: Uint8Array): Conclusion | undefined {
    if (this.#chosen !== undefined) return this.#chosen.take(chunk);
    const begun = joinBytes([this.#held, chunk]);
    const text = withoutMark(begun);
    const at = mayBecomeMark(text) ? text.length : skipSpace(text, 0, text.length);
    if (at === text.length && at <= longestSpace) {
      this.#held = begun;
      return undefined;
    }
    this.#held = nothing;
    const isStream = at <= longestSpace && openings.has(text[at] as number);
    this.#chosen = isStream ? this.#asStream() : this.#asWhole();
    return this.#chosen.take(begun);
  }

  close(broken: Failure | undefined, code?: ErrorCode): Conclusion {
    this.#chosen ??= this.#asWhole();
    return this.#chosen.close(broken, code);
  }
}
