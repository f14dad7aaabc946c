// What tokens cost at given rates: exact arithmetic, rounded once.
import { tokenKinds, type NanoUsd, type Price, type Rates, type TokenKind } from '../core/price.ts';
import type { TokenUsage } from '../core/usage.ts';

/** Tokens by kind, each token once. */
export type TokenParts = Readonly<Record<TokenKind, number>>;

/** Rates are for a million tokens, so a token at a rate of 1 costs a millionth of a nano-dollar. */
const perRate = 1_000_000;

/**
 * Takes the counts of an answer apart into kinds that do not overlap (openai-wire.md section 6: cached, written and audio
 * tokens are counted in `prompt_tokens`, reasoning and audio in `completion_tokens`). Where the details claim more than
 * the whole, they are cut in this order: cached first, then written, then audio. So the parts always add up to the whole.
 */
export function partsOf(usage: TokenUsage): TokenParts {
  const prompt = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  const cachedInput = Math.min(count(usage.cached_tokens), prompt);
  const cacheWrite = Math.min(count(usage.cache_write_tokens), prompt - cachedInput);
  const audioInput = Math.min(count(usage.audio_prompt_tokens), prompt - cachedInput - cacheWrite);
  const audioOutput = Math.min(count(usage.audio_completion_tokens), completion);
  return {
    input: prompt - cachedInput - cacheWrite - audioInput,
    cachedInput,
    cacheWrite,
    output: completion - audioOutput,
    audioInput,
    audioOutput,
  };
}

/** A count, or 0 for what is none. */
function count(value: number): number {
  return value > 0 && Number.isSafeInteger(value) ? value : 0;
}

/** The rates of a request: its whole prompt, cached tokens included, decides whether it is one of long context. */
export function ratesFor(price: Price, usage: TokenUsage): Rates {
  return price.longContext !== null && usage.prompt_tokens > price.longContext.overTokens
    ? price.longContext.rates
    : price.rates;
}

/**
 * The cost in nano-dollars, half a nano-dollar rounded up; null where a kind that was used has no rate, or where the
 * counts are so absurd that the cost exceeds what a number holds exactly (nine million dollars for one call).
 */
export function reckon(parts: TokenParts, rates: Rates): NanoUsd | null {
  let sum = 0;
  for (let i = 0; i < tokenKinds.length; i += 1) {
    const kind = tokenKinds[i] as TokenKind;
    const tokens = parts[kind];
    if (tokens === 0) continue;
    const rate = rates[kind];
    if (rate === null) return null;
    sum += tokens * rate;
    // From here on a double is not exact.
    if (sum > Number.MAX_SAFE_INTEGER) return reckonLarge(parts, rates);
  }
  const rest = sum % perRate;
  return (sum - rest) / perRate + (rest * 2 >= perRate ? 1 : 0);
}

function reckonLarge(parts: TokenParts, rates: Rates): NanoUsd | null {
  let sum = 0n;
  for (const kind of tokenKinds) {
    const rate = rates[kind];
    if (parts[kind] === 0) continue;
    if (rate === null) return null;
    sum += BigInt(parts[kind]) * BigInt(rate);
  }
  const nanoUsd = Number((sum + BigInt(perRate / 2)) / BigInt(perRate));
  return Number.isSafeInteger(nanoUsd) ? nanoUsd : null;
}
