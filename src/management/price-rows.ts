// Prices between the database's columns, the rules' objects and the API's fields.
import { rateNames, readPrice } from '../configuration/prices.ts';
import { writeUsd } from '../core/money.ts';
import { tokenKinds, type Price, type Rates } from '../core/price.ts';
import { versionOf } from '../prices/version.ts';
import type { PriceRow } from '../storage/storage.ts';
import { rateFieldNames, type PriceAnswer, type PriceChange } from './contract/price.ts';

type RateField = (typeof rateFieldNames)[number];
type GivenRates = Partial<Readonly<Record<RateField, number | null | undefined>>>;
type Columns = Partial<Omit<PriceRow, 'id'>>;

/** A listed or an own price with what only rows have. */
export interface ShownPrice {
  readonly price: Price;
  /** Absent where it is a list price. */
  readonly row?: PriceRow;
}

/** The price of a row that may have been written by SQL: one without a readable time is never in force. */
export function priceOfRow(row: PriceRow): Price {
  try {
    return readPrice(row);
  } catch {
    return { ...readPrice({ ...row, effective_from: '1970-01-01' }), fromMs: Number.NaN };
  }
}

/** The columns for what a body names; what it leaves out is not named. */
export function columnsOf(body: Omit<PriceChange, 'id' | 'confirm'>): Columns {
  const { model, provider_id, tier, effective_from, note, long_context: long } = body;
  const longRates = Object.fromEntries(rateFieldNames.map((name) => [name, long?.[name] ?? null]));
  const columns: Record<string, string | number | null | undefined> = {
    model,
    provider_id,
    tier,
    effective_from,
    note,
    ...rateColumns(body, ''),
    ...(long !== undefined && { long_over_tokens: long?.over_tokens ?? null, ...rateColumns(longRates, 'long_') }),
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}

function rateColumns(rates: GivenRates, prefix: '' | 'long_'): Record<string, number | null | undefined> {
  return Object.fromEntries(rateFieldNames.map((name) => [`${prefix}${name}_nano_usd`, rates[name]]));
}

/** A row in which nothing is known yet. */
export const emptyRow: Omit<PriceRow, 'id' | 'model' | 'effective_from' | 'created_at'> = {
  provider_id: null,
  tier: 'default',
  input_nano_usd: null,
  cached_input_nano_usd: null,
  cache_write_nano_usd: null,
  output_nano_usd: null,
  audio_input_nano_usd: null,
  audio_output_nano_usd: null,
  long_over_tokens: null,
  long_input_nano_usd: null,
  long_cached_input_nano_usd: null,
  long_cache_write_nano_usd: null,
  long_output_nano_usd: null,
  long_audio_input_nano_usd: null,
  long_audio_output_nano_usd: null,
  note: null,
};

/** A price as the API shows it; `asOf` says up to which day the list is known to be right. */
export function presentPrice({ price, row }: ShownPrice, asOf: string): PriceAnswer {
  const { model, providerId, tier, fromMs, rates, longContext } = price;
  return {
    id: price.id,
    source: row === undefined ? 'built_in' : 'own',
    version: Number.isNaN(fromMs) ? null : versionOf(price),
    model: row?.model ?? model,
    provider_id: providerId,
    tier,
    effective_from: row?.effective_from ?? (fromMs === -Infinity ? null : new Date(fromMs).toISOString()),
    ...shownRates(rates),
    long_context: longContext && { over_tokens: longContext.overTokens, ...shownRates(longContext.rates) },
    note: row === undefined ? `The list price, known up to ${asOf}.` : row.note,
    created_at: row?.created_at ?? null,
  };
}

function shownRates(rates: Rates): Record<RateField, string | null> {
  return Object.fromEntries(
    tokenKinds.map((kind) => {
      const rate = rates[kind];
      return [rateNames[kind], rate === null ? null : writeUsd(rate)];
    }),
  ) as Record<RateField, string | null>;
}
