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

interface Sums {
  bytes: number;
  tokens: number;
}

/** Learns the ratio of each key. Holds the keys that were learned last, and no more than it was told. */
export class TokenRatios {
  readonly #mostKeys: number;
  readonly #sums = new Map<string, Sums>();

  constructor(mostKeys = 1000) {
    this.#mostKeys = mostKeys;
  }

  /** Takes note of a request: the bytes of its body, and the tokens that the upstream counted in its prompt. */
  learn(key: string, bytes: number, tokens: number): void {
    if (!(bytes >= tokens * leastRatio && bytes <= tokens * mostRatio)) return;
    const known = this.#sums.get(key);
    const sums = known ?? { bytes: usualRatio * priorTokens, tokens: priorTokens };
    if (known === undefined) this.#add(key, sums);
    if (sums.tokens > memoryTokens) {
      sums.bytes /= 2;
      sums.tokens /= 2;
    }
    sums.bytes += bytes;
    sums.tokens += tokens;
  }

  /** The tokens that a body of this many bytes is likely to have, rounded up. */
  tokensOf(key: string, bytes: number): number {
    const sums = this.#sums.get(key);
    return Math.ceil(bytes / (sums === undefined ? usualRatio : sums.bytes / sums.tokens));
  }

  #add(key: string, sums: Sums): void {
    if (this.#sums.size >= this.#mostKeys) {
      const [oldest] = this.#sums.keys();
      if (oldest !== undefined) this.#sums.delete(oldest);
    }
    this.#sums.set(key, sums);
  }
}
