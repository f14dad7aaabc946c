// The prompt of a request, for as long as it may have to be counted: short ones are kept, of long ones only their size.
import { imageTokens, type Encoding, type TokenEstimator } from '../core/token-estimator.ts';
import type { TokenRatios } from '../core/token-ratio.ts';

/** Bodies up to this size stay in memory until the answer is over, and are counted exactly. */
export const keptBytes: number = 64 << 10;

/** What stands before the bytes of a picture, a sound or a file in a body, and what after them. */
const embedded = Buffer.from(';base64,');
const quote = 0x22;

/** What counting takes. */
export interface Counters {
  readonly estimator: Pick<TokenEstimator, 'count'>;
  readonly ratios: TokenRatios;
}

/** One request's prompt. */
export class KeptPrompt {
  #body: Uint8Array | undefined;
  #textBytes: number;
  #embeddings = 0;

  constructor(body: Uint8Array) {
    this.#body = body;
    this.#textBytes = body.length;
  }

  /** The body's bytes, without the pictures in it once it has been let go. */
  get textBytes(): number {
    return this.#textBytes;
  }

  /** The body has been sent and is wanted no more; true where it is let go now. */
  letGo(): boolean {
    if (this.#body === undefined) return true;
    if (this.#body.length <= keptBytes) return false;
    const body = Buffer.from(this.#body.buffer, this.#body.byteOffset, this.#body.length);
    this.#body = undefined;
    let at = 0;
    for (;;) {
      const start = body.indexOf(embedded, at);
      if (start === -1) return true;
      const end = body.indexOf(quote, start);
      at = end === -1 ? body.length : end;
      this.#textBytes -= at - start;
      this.#embeddings += 1;
    }
  }

  /** Its tokens: counted, or where it has been let go told from its size by what is known of the model. */
  async tokens({ estimator, ratios }: Counters, model: string, encoding: Encoding): Promise<number> {
    this.letGo();
    if (this.#body !== undefined) return estimator.count('prompt', encoding, this.#body);
    return ratios.tokensOf(model, this.#textBytes) + this.#embeddings * imageTokens.high;
  }
}
