// The prompt of a request, for as long as it may have to be counted: short ones are kept, of long ones only their size.
import { imageTokens, type Encoding, type TokenEstimator } from '../core/token-estimator.ts';
import type { TokenRatios } from '../core/token-ratio.ts';
import type { Content } from '../limits/content.ts';

/** Bodies up to this size stay in memory until the answer is over, and are counted exactly. */
export const keptBytes: number = 64 << 10;

/** What counting takes. */
export interface Counters {
  readonly estimator: Pick<TokenEstimator, 'count'>;
  readonly ratios: TokenRatios;
}

/** One request's prompt. */
export class KeptPrompt {
  #body: Uint8Array | undefined;
  readonly #content: Content;

  constructor(body: Uint8Array, content: Content) {
    this.#body = body;
    this.#content = content;
  }

  /** The body's bytes but for the pictures, sounds and files in it. */
  get textBytes(): number {
    return this.#content.textBytes;
  }

  /** There is nothing in it but text. */
  get isText(): boolean {
    const { images, audioBytes, refersElsewhere } = this.#content;
    return images === 0 && audioBytes === 0 && !refersElsewhere;
  }

  /** The body has been sent and is wanted no more; true where it is let go now. */
  letGo(): boolean {
    if (this.#body !== undefined && this.#body.length <= keptBytes) return false;
    this.#body = undefined;
    return true;
  }

  /** Its tokens: counted, or where it has been let go told from its size by what is known of the model. */
  async tokens({ estimator, ratios }: Counters, model: string, encoding: Encoding): Promise<number> {
    this.letGo();
    if (this.#body !== undefined) return estimator.count('prompt', encoding, this.#body);
    return ratios.tokensOf(model, this.textBytes) + this.#content.images * imageTokens.high;
  }
}
