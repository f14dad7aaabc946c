// Prices: what a model's tokens cost, since when, and what one call cost by them.
import type { TokenUsage, UsageSource } from './usage.ts';

/** Money: whole nano-dollars (10⁻⁹ USD). */
export type NanoUsd = number;

/** The kinds of tokens that have a price of their own. Together they are all tokens of a call, each counted once. */
export const tokenKinds = ['input', 'cachedInput', 'cacheWrite', 'output', 'audioInput', 'audioOutput'] as const;

/** `input` is text that was neither read from the cache nor written to it; reasoning is part of `output`. */
export type TokenKind = (typeof tokenKinds)[number];

/** What a million tokens of each kind cost, in nano-dollars; null where that is not known: never 0. */
export type Rates = Readonly<Record<TokenKind, NanoUsd | null>>;

/** One price of one model in one tier, in force from a moment on until another one follows. */
export interface Price {
  readonly id: string;
  /** In lower case. */
  readonly model: string;
  /** The one provider that it is for; null: all. */
  readonly providerId: string | null;
  /** As an answer's `service_tier` names it, in lower case; `default` where it names none. */
  readonly tier: string;
  /** Ms since the epoch; -Infinity where it has always been so. */
  readonly fromMs: number;
  readonly rates: Rates;
  /** The rates of the whole request once its prompt has more than so many tokens. */
  readonly longContext: { readonly overTokens: number; readonly rates: Rates } | null;
}

/** A vendor's list prices. */
export interface PriceList {
  /** The day up to which changes are known: `2026-09-23`. */
  readonly asOf: string;
  readonly prices: readonly Price[];
  /** Another name of a model → the name that its prices stand under. Both in lower case. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** What a call cost, and by which price; null where its price is not known. */
export interface Cost {
  readonly nanoUsd: NanoUsd;
  /** The price in force when the call was made, `id@version`: kept beside the cost, so that it can be checked and priced again. */
  readonly priceId: string;
}

/** A call to be priced. */
export interface PricedCall {
  readonly providerId: string;
  /** As it was sent to the provider. */
  readonly model: string;
  /** The `service_tier` of the answer, null where it names none. */
  readonly serviceTier: string | null;
  readonly usage: TokenUsage;
  /** When the call was made, ms since the epoch. */
  readonly atMs: number;
}

/** All prices, as the administrator has them. */
export interface PriceBook {
  /** The cost of a call; null where no price is known for its model at that time: never 0. */
  cost(call: PricedCall): Cost | null;
  /** The price that a call is priced by, whatever its tokens are; null where none is known. */
  priceOf(call: Omit<PricedCall, 'usage'>): Price | null;
}

/**
 * What a request cost: the sum over its attempts. An attempt without usage has used nothing that is known of and counts
 * nothing; one that has used tokens and has no price makes the whole unknown.
 */
export function sumOfCosts(
  attempts: readonly { readonly usageSource: UsageSource; readonly costNanoUsd: NanoUsd | null }[],
): NanoUsd | null {
  let sum = 0;
  for (const { usageSource, costNanoUsd } of attempts) {
    if (usageSource === 'none') continue;
    if (costNanoUsd === null) return null;
    sum += costNanoUsd;
  }
  return sum;
}

/** The tokens of an attempt that have no price: for the metric and the sums of usage. */
export function unpricedTokens(attempt: {
  readonly usage: TokenUsage | null;
  readonly costNanoUsd: NanoUsd | null;
}): number {
  return attempt.costNanoUsd === null ? (attempt.usage?.total_tokens ?? 0) : 0;
}

/** Which requests of the past are priced again: by the time they came. */
export interface RepriceRange {
  readonly fromMs: number;
  /** Not included. */
  readonly toMs: number;
  /** Only attempts of this model, as it was sent to the provider; null: of all. */
  readonly model: string | null;
}

/** What pricing the past again has changed, or would change. */
export interface RepriceReport {
  /** Attempts with usage in the range. */
  readonly attempts: number;
  /** Those whose cost is another now. */
  readonly changed: number;
  /** Tokens without a price: before and after. */
  readonly unpricedBefore: number;
  readonly unpricedAfter: number;
  /** The sum of the known costs in nano-dollars: before and after. It may exceed what a number holds. */
  readonly costBefore: bigint;
  readonly costAfter: bigint;
}
