// Transcriber: keeps what a request asks and is answered, where its client key says so; one for each such request.
import type { HeardText } from '../core/heard-text.ts';
import type { RequestRecord } from '../core/record.ts';
import {
  keepBytes,
  transcriptLimitBytes,
  type KeptAnswer,
  type KeptBytes,
  type Transcript,
} from '../core/transcript.ts';
import { joinBytes } from '../lib/bytes.ts';
import type { AttemptResult } from './attempt-parts.ts';

/** Follows one request. */
export class Transcriber {
  readonly #request: KeptBytes;
  /** What the attempt under way has said so far, as far as it has been handed over. */
  #runs: Uint8Array[] = [];
  #runsBytes = 0;
  #isCut = false;
  #answer: KeptAnswer | null = null;

  constructor(body: Uint8Array) {
    this.#request = keepBytes(body);
  }

  /** An attempt begins: what the one before said does not count. */
  begin(): void {
    this.#runs = [];
    this.#runsBytes = 0;
    this.#isCut = false;
  }

  /** Hears a piece of a stream's text; its memory is the caller's again when this returns. */
  hear(runs: Uint8Array): void {
    const piece = new Uint8Array(runs.subarray(0, transcriptLimitBytes - this.#runsBytes));
    if (piece.length < runs.length) this.#isCut = true;
    if (piece.length === 0) return;
    this.#runs.push(piece);
    this.#runsBytes += piece.length;
  }

  /** The attempt is over. `hasWords`: its answers are text, not vectors. */
  end(result: AttemptResult, text: HeardText, hasWords: boolean): void {
    if (result.kind !== 'answered' || !hasWords) return;
    const { body } = result.heard;
    if (body !== undefined) {
      this.#answer = { form: 'body', ...keepBytes(body) };
      return;
    }
    const rest = text.peek();
    if (rest !== undefined) this.hear(rest);
    this.#answer = { form: 'runs', bytes: joinBytes(this.#runs), isCut: this.#isCut };
    this.begin();
  }

  /** The transcript of a request that is over; undefined where nothing of it went to an upstream. */
  of({ id, keyId, createdAtMs, attempts }: RequestRecord): Transcript | undefined {
    if (keyId === null || attempts.length === 0) return undefined;
    return { requestId: id, keyId, createdAtMs, request: this.#request, answer: this.#answer };
  }
}
