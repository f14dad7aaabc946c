// Prices by model and tier, newest first: who is in force at a moment.
import type { Price } from '../core/price.ts';

/** A set of prices to look up in. */
export class Shelf {
  readonly #byModel = new Map<string, Map<string, Price[]>>();

  /** Of prices that begin at one moment the first counts; one whose moment nobody can read does not. */
  constructor(prices: Iterable<Price>) {
    for (const price of prices) {
      if (Number.isNaN(price.fromMs)) continue;
      const tiers = this.#byModel.get(price.model) ?? new Map<string, Price[]>();
      const row = tiers.get(price.tier) ?? [];
      row.push(price);
      this.#byModel.set(price.model, tiers.set(price.tier, row));
    }
    for (const tiers of this.#byModel.values())
      for (const row of tiers.values()) row.sort((a, b) => Number(a.fromMs < b.fromMs) - Number(a.fromMs > b.fromMs));
  }

  /** Whether it has any price of this very model. */
  has(model: string): boolean {
    return this.#byModel.has(model);
  }

  /** The price of this very model in this very tier that is in force at a moment. */
  inForce(model: string, tier: string, atMs: number): Price | undefined {
    return this.of(model, tier).find(({ fromMs }) => fromMs <= atMs);
  }

  /** Its prices, newest first. */
  of(model: string, tier: string): readonly Price[] {
    return this.#byModel.get(model)?.get(tier) ?? [];
  }
}
