// The price book: a vendor's list and the administrator's own prices, as one answer to what a call cost.
import type { Cost, Price, PriceBook, PricedCall, PriceList } from '../core/price.ts';
import { namesOf } from './names.ts';
import { partsOf, ratesFor, reckon } from './reckon.ts';
import { Shelf } from './shelf.ts';
import { tiersOf } from './tiers.ts';
import { versionOf } from './version.ts';

/** Which price is in force from a moment on; null where none is known. */
interface Span {
  readonly fromMs: number;
  readonly price: Price | null;
  readonly priceId: string;
}

/** Newest first. Before the last of them no price is known. */
type Timeline = readonly Span[];

/** Model names and tiers come from outside, so what is remembered of them is bounded. */
const timelinesKept = 2000;

/** Opens the book. The administrator's prices win over the list from their own date on, those for one provider over those for all. */
export function openPriceBook(list: PriceList, ownPrices: readonly Price[] = []): PriceBook {
  return new Book(list, ownPrices);
}

class Book implements PriceBook {
  readonly #list: PriceList;
  readonly #listed: Shelf;
  readonly #ownForAll: Shelf;
  readonly #ownOfProvider: ReadonlyMap<string, Shelf>;
  /** Model → tier → provider. */
  readonly #timelines = new Map<string, Map<string | null, Map<string, Timeline>>>();
  #timelineCount = 0;

  constructor(list: PriceList, ownPrices: readonly Price[]) {
    this.#list = list;
    this.#listed = new Shelf(list.prices);
    this.#ownForAll = new Shelf(ownPrices.filter(({ providerId }) => providerId === null));
    const byProvider = Map.groupBy(
      ownPrices.filter(({ providerId }) => providerId !== null),
      ({ providerId }) => providerId ?? '',
    );
    this.#ownOfProvider = new Map([...byProvider].map(([providerId, prices]) => [providerId, new Shelf(prices)]));
  }

  cost(call: PricedCall): Cost | null {
    const { price, priceId } = this.#spanOf(call);
    if (price === null) return null;
    const nanoUsd = reckon(partsOf(call.usage), ratesFor(price, call.usage));
    return nanoUsd === null ? null : { nanoUsd, priceId };
  }

  priceOf(call: Omit<PricedCall, 'usage'>): Price | null {
    return this.#spanOf(call).price;
  }

  #spanOf({ providerId, model, serviceTier, atMs }: Omit<PricedCall, 'usage'>): Span {
    const timeline =
      this.#timelines.get(model)?.get(serviceTier)?.get(providerId) ?? this.#remember(providerId, model, serviceTier);
    for (const span of timeline) if (span.fromMs <= atMs) return span;
    return unknown;
  }

  #remember(providerId: string, model: string, serviceTier: string | null): Timeline {
    if (this.#timelineCount >= timelinesKept) {
      this.#timelines.clear();
      this.#timelineCount = 0;
    }
    const timeline = this.#draw(providerId, namesOf(model, this.#list.aliases), tiersOf(serviceTier));
    const byTier = this.#timelines.get(model) ?? new Map<string | null, Map<string, Timeline>>();
    const byProvider = byTier.get(serviceTier) ?? new Map<string, Timeline>();
    this.#timelines.set(model, byTier.set(serviceTier, byProvider.set(providerId, timeline)));
    this.#timelineCount += 1;
    return timeline;
  }

  #draw(providerId: string, names: readonly string[], tiers: readonly string[]): Timeline {
    const own = this.#ownOfProvider.get(providerId);
    const shelves = [...(own === undefined ? [] : [own]), this.#ownForAll, this.#listed];
    const moments = shelves.flatMap((shelf) =>
      names.flatMap((name) => tiers.flatMap((tier) => shelf.of(name, tier).map(({ fromMs }) => fromMs))),
    );
    return [...new Set(moments)]
      .sort((a, b) => (a < b ? 1 : -1))
      .map((fromMs) => {
        const price = this.#resolve(shelves, names, tiers, fromMs);
        return { fromMs, price, priceId: price === null ? '' : versionOf(price) };
      });
  }

  /** The nearest name that has a price decides; a model that the list itself names never takes its family's tiers. */
  #resolve(shelves: readonly Shelf[], names: readonly string[], tiers: readonly string[], atMs: number): Price | null {
    for (const name of names) {
      for (const tier of tiers) {
        for (const shelf of shelves) {
          const price = shelf.inForce(name, tier, atMs);
          if (price !== undefined) return price;
        }
      }
      if (this.#listed.has(name)) return null;
    }
    return null;
  }
}

const unknown: Span = { fromMs: -Infinity, price: null, priceId: '' };
