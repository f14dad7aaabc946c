// Which prices a reader asks for: of a model, for a provider, at a moment.
import type { Price, PriceList } from '../core/price.ts';
import { namesOf } from './names.ts';

/** What is asked for; a field that is not given asks for nothing. */
export interface PriceFilter {
  readonly model?: string | undefined;
  readonly providerId?: string | undefined;
  readonly atMs?: number | undefined;
}

/** The listed and the own prices that fit, in order of id. A model's prices are also those of its family. */
export function browse(list: PriceList, ownPrices: readonly Price[], filter: PriceFilter): Price[] {
  const names = filter.model === undefined ? undefined : namesOf(filter.model, list.aliases);
  const fitting = [...ownPrices, ...list.prices].filter(
    ({ model, providerId }) =>
      (names === undefined || names.includes(model)) &&
      (filter.providerId === undefined || providerId === null || providerId === filter.providerId),
  );
  const shown = filter.atMs === undefined ? fitting : inForceAt(fitting, new Set(ownPrices), filter.atMs);
  return shown.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** One price for each model, provider and tier: the newest own one that has begun, else the newest of the list. */
function inForceAt(prices: readonly Price[], own: ReadonlySet<Price>, atMs: number): Price[] {
  const begun = prices.filter(({ fromMs }) => fromMs <= atMs);
  const groups = Map.groupBy(begun, ({ model, providerId, tier }) => JSON.stringify([model, providerId, tier]));
  return [...groups.values()].flatMap((group) => {
    const ownOnes = group.filter((price) => own.has(price));
    const [first, ...rest] = ownOnes.length > 0 ? ownOnes : group;
    return first === undefined
      ? []
      : [rest.reduce((newest, price) => (price.fromMs > newest.fromMs ? price : newest), first)];
  });
}
