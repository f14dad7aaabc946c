// Prices: what a model's tokens cost, since when, and what one call cost by them.
import type { TokenUsage } from './usage.ts';

/** Money: whole nano-dollars (10⁻⁹ USD). */
export type NanoUsd = number;

/** What a call cost, and by which price; null where its price is not known. */
export interface Cost {
  readonly nanoUsd: NanoUsd;
  /** The price in force when the call was made: kept beside the cost, so that it can be checked and priced again. */
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
}
