// Holds back a price that is a hundred times off what it replaces, until it is confirmed.
import { rateNames } from '../configuration/prices.ts';
import { GatewayError } from '../core/errors.ts';
import { writeUsd } from '../core/money.ts';
import { tokenKinds, type Price, type Rates } from '../core/price.ts';
import { openPriceBook } from '../prices/book.ts';
import { findSlip, usualPrice } from '../prices/plausible.ts';
import { listPrices } from '../providers/registry.ts';

/** What a new price is compared with. */
export interface PriceContext {
  /** All prices of the administrator but this one. */
  readonly others: readonly Price[];
  /** What it was, where it is a change. */
  readonly before?: Price;
}

/** Throws where a rate of the new price is a hundred times off, naming both numbers. */
export function checkPlausible(price: Price, { others, before }: PriceContext): void {
  const usual = usualPrice(openPriceBook(listPrices, others), listPrices, price);
  const wasItself = before?.model === price.model && before.tier === price.tier ? before : undefined;
  check('', price.rates, wasItself?.rates, usual?.rates, usual?.id);
  if (price.longContext === null) return;
  const longBefore = wasItself?.longContext?.rates ?? wasItself?.rates;
  check('long_context.', price.longContext.rates, longBefore, usual?.longContext?.rates ?? usual?.rates, usual?.id);
}

function check(
  path: string,
  rates: Rates,
  before: Rates | undefined,
  usual: Rates | undefined,
  usualId: string | undefined,
): void {
  // Where the price itself already had a rate, that was accepted before.
  const compared = Object.fromEntries(
    tokenKinds.map((kind) => [kind, before?.[kind] ?? usual?.[kind] ?? null]),
  ) as Rates;
  const slip = findSlip(rates, compared);
  if (slip === undefined) return;
  const param = path + rateNames[slip.kind];
  const whose = before?.[slip.kind] === slip.usualNanoUsd ? 'it is now' : `${usualId ?? 'its family'} asks`;
  const message = `${param} would be ${writeUsd(slip.nanoUsd)} US dollars for a million tokens, where ${whose} ${writeUsd(slip.usualNanoUsd)}; send "confirm": true if a hundred times ${slip.nanoUsd > slip.usualNanoUsd ? 'more' : 'less'} is meant.`;
  throw new GatewayError('invalid_request', message, { param });
}
