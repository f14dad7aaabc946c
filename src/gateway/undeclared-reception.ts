// Receives an answer to who asked for a stream that is not declared as one: its first byte says which of the two it is.
import type { ErrorCode } from '../core/errors.ts';
import type { Failure } from '../core/failure.ts';
import { joinBytes } from '../lib/bytes.ts';
import { skipSpace } from '../lib/json-scan.ts';
import type { Conclusion, Reception } from './reception.ts';

/** How a line of a stream can begin: with a field's name, a comment, or a byte order mark. JSON objects and pages begin otherwise. */
const openings = new Set([...Buffer.from('deir:'), 0xef]);
/** More white space than this is no beginning of a stream. */
const longestSpace = 4096;
const nothing: Uint8Array = new Uint8Array();

/** OpenAI's own clients do not look at the content type either (test/fixtures/openai-wire.md section 5). */
export class UndeclaredReception implements Reception {
  readonly #asStream: () => Reception;
  readonly #asWhole: () => Reception;
  #chosen: Reception | undefined;
  /** White space, which says nothing yet. */
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
    const first = begun[skipSpace(begun, 0, begun.length)];
    if (first === undefined && begun.length <= longestSpace) {
      this.#held = begun;
      return undefined;
    }
    this.#held = nothing;
    this.#chosen = first !== undefined && openings.has(first) ? this.#asStream() : this.#asWhole();
    return this.#chosen.take(begun);
  }

  close(broken: Failure | undefined, code?: ErrorCode): Conclusion {
    this.#chosen ??= this.#asWhole();
    return this.#chosen.close(broken, code);
  }
}
