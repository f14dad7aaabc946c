// How many bytes of a request make one token of its prompt: learned for each key (a model, a client key) from true usage.

/** Until something is known: bytes of JSON for one token of a prompt in English. */
const usualRatio = 3.5;
/** What is usual counts like a prompt of this many tokens. */
const priorTokens = 1000;
/** From this many tokens on the past counts half, so that a ratio follows its key. */
const memoryTokens = 500_000;
/** Bytes a token that text can have. Pictures, named by a URL or inside the body, lie outside and teach nothing. */
const leastRatio = 1;
const mostRatio = 12;

/** The ratio of one key. */
export class TokenRatio {
  #bytes = usualRatio * priorTokens;
  #tokens = priorTokens;

  /** Takes note of a request: the bytes of its body, and the tokens that the upstream counted in its prompt. */
  learn(bytes: number, tokens: number): void {
    if (!isTelling(bytes, tokens)) return;
    if (this.#tokens > memoryTokens) {
      this.#bytes /= 2;
      this.#tokens /= 2;
    }
    this.#bytes += bytes;
    this.#tokens += tokens;
  }

  /** The tokens that a body of this many bytes is likely to have, rounded up. */
  tokensOf(bytes: number): number {
    return Math.ceil(bytes / (this.#bytes / this.#tokens));
  }
}

/** What is likely where nothing is known. */
export const unknownRatio: Pick<TokenRatio, 'tokensOf'> = { tokensOf: (bytes) => Math.ceil(bytes / usualRatio) };

/** Whether something can be learned of it. */
function isTelling(bytes: number, tokens: number): boolean {
  return bytes >= tokens * leastRatio && bytes <= tokens * mostRatio;
}

/** Learns the ratio of each key. Holds the keys that were learned last, and no more than it was told. */
export class TokenRatios {
  readonly #mostKeys: number;
  readonly #ratios = new Map<string, TokenRatio>();

  constructor(mostKeys = 1000) {
    this.#mostKeys = mostKeys;
  }

  /** See `TokenRatio`. */
  learn(key: string, bytes: number, tokens: number): void {
    if (!isTelling(bytes, tokens)) return;
    let ratio = this.#ratios.get(key);
    if (ratio === undefined) this.#add(key, (ratio = new TokenRatio()));
    ratio.learn(bytes, tokens);
  }

  /** The tokens that a body of this many bytes is likely to have, rounded up. */
  tokensOf(key: string, bytes: number): number {
    return (this.#ratios.get(key) ?? unknownRatio).tokensOf(bytes);
  }

  #add(key: string, ratio: TokenRatio): void {
    if (this.#ratios.size >= this.#mostKeys) {
      const [oldest] = this.#ratios.keys();
      if (oldest !== undefined) this.#ratios.delete(oldest);
    }
    this.#ratios.set(key, ratio);
  }
}
