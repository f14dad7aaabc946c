// Whether a new price can be meant: one that is a hundred times off what it replaces is mostly a slip of the unit.
import {
  tokenKinds,
  type NanoUsd,
  type Price,
  type PriceBook,
  type PriceList,
  type Rates,
  type TokenKind,
} from '../core/price.ts';

const suspiciousFactor = 100;

/** A rate that is a hundred times off, and what it was compared with. */
export interface Slip {
  readonly kind: TokenKind;
  readonly nanoUsd: NanoUsd;
  readonly usualNanoUsd: NanoUsd;
}

/** The first of the rates that is a hundred times more or less than the usual one. Where either is not known, nothing can be said; nor of what was free. */
export function findSlip(rates: Rates, usual: Rates): Slip | undefined {
  for (const kind of tokenKinds) {
    const nanoUsd = rates[kind];
    const usualNanoUsd = usual[kind];
    if (nanoUsd === null || usualNanoUsd === null || usualNanoUsd === 0) continue;
    if (nanoUsd >= usualNanoUsd * suspiciousFactor || nanoUsd * suspiciousFactor <= usualNanoUsd)
      return { kind, nanoUsd, usualNanoUsd };
  }
  return undefined;
}

/**
 * What a new price is to be compared with: the price in force for that model at its beginning, in its tier, else in the
 * tier `default`; for a name that nobody knows, that of the longest known name which it continues (`known-more`).
 */
export function usualPrice(book: PriceBook, list: PriceList, price: Price): Price | null {
  const { model, providerId, tier } = price;
  const atMs = Number.isNaN(price.fromMs) ? Infinity : price.fromMs;
  const known = [...new Set(list.prices.map((listed) => listed.model))]
    .filter((name) => model.startsWith(`${name}-`))
    .sort((a, b) => b.length - a.length);
  for (const name of [model, ...known]) {
    for (const serviceTier of [tier, null]) {
      const found = book.priceOf({ providerId: providerId ?? '', model: name, serviceTier, atMs });
      if (found !== null) return found;
    }
  }
  return null;
}
