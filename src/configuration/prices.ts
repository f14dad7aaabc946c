// From rows to prices and back: columns of nano-dollars, times as text.
import { tokenKinds, type Price, type Rates, type TokenKind } from '../core/price.ts';
import { hasPlainYear, isDay } from '../lib/calendar.ts';
import type { PriceRow } from '../storage/storage.ts';
import { RowProblem } from './row-problem.ts';

/** The columns of a row that hold a rate. */
type RateColumn = Extract<keyof PriceRow, `${string}_nano_usd`>;

/** A kind of token → the name that columns and the API have for it. */
export const rateNames = {
  input: 'input',
  cachedInput: 'cached_input',
  cacheWrite: 'cache_write',
  output: 'output',
  audioInput: 'audio_input',
  audioOutput: 'audio_output',
} as const satisfies Record<TokenKind, string>;

/** A time of day needs its zone: without one it would mean something else on every machine. */
export const timeOrDay = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/u;

/** The moment that a text of this form names, ms since the epoch; a day begins at midnight UTC. NaN where there is none. */
export function momentOf(text: string): number {
  const atMs = timeOrDay.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
  return hasPlainYear(atMs) ? atMs : Number.NaN;
}

/** The price of a row; throws a `RowProblem` where its time is none. */
export function readPrice(row: PriceRow): Price {
  const fromMs = momentOf(row.effective_from);
  if (Number.isNaN(fromMs))
    throw new RowProblem('has an effective_from that is no time such as 2026-01-31 or 2026-01-31T12:00:00Z');
  return {
    id: row.id,
    model: row.model.toLowerCase(),
    providerId: row.provider_id,
    tier: row.tier.toLowerCase(),
    fromMs,
    rates: readRates(row, ''),
    longContext:
      row.long_over_tokens === null ? null : { overTokens: row.long_over_tokens, rates: readRates(row, 'long_') },
  };
}

function readRates(row: PriceRow, prefix: '' | 'long_'): Rates {
  return Object.fromEntries(
    tokenKinds.map((kind) => [kind, row[`${prefix}${rateNames[kind]}_nano_usd` satisfies RateColumn]]),
  ) as Rates;
}
