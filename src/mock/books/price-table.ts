// What the fake OpenAI charges: a few of the real list prices, and what the script says instead.
import { answeredModel } from '../models.ts';
import type { BookedPrice } from '../script.ts';
import type { BilledCall } from './billed-call.ts';

/** Model, as requested → its price in US dollars for a million tokens. */
export type PriceTable = Readonly<Record<string, BookedPrice>>;

/** OpenAI's list prices of the known models (openai-prices.md). */
const LIST: PriceTable = {
  'gpt-5': { input: 1.25, cached_input: 0.125, output: 10 },
  'gpt-5-mini': { input: 0.25, cached_input: 0.025, output: 2 },
  'gpt-4.1': { input: 2, cached_input: 0.5, output: 8 },
  'gpt-4.1-mini': { input: 0.4, cached_input: 0.1, output: 1.6 },
  'gpt-4o': { input: 2.5, cached_input: 1.25, output: 10 },
  'gpt-4o-mini': { input: 0.15, cached_input: 0.075, output: 0.6 },
  'gpt-4': { input: 30, output: 60 },
  'gpt-4-turbo': { input: 10, output: 30 },
  o3: { input: 2, cached_input: 0.5, output: 8 },
  'o4-mini': { input: 1.1, cached_input: 0.275, output: 4.4 },
  'gpt-3.5-turbo': { input: 0.5, output: 1.5 },
  'gpt-3.5-turbo-instruct': { input: 1.5, output: 2 },
  'davinci-002': { input: 2, output: 2 },
  'babbage-002': { input: 0.4, output: 0.4 },
  'text-embedding-3-small': { input: 0.02 },
  'text-embedding-3-large': { input: 0.13 },
  'text-embedding-ada-002': { input: 0.1 },
};

/** One position of the bill. */
export interface BillLine {
  readonly item: string;
  readonly tokens: number;
  readonly nanoUsd: number;
}

/** The prices in force, those of the script before the list's. */
export function priceTable(own: PriceTable = {}): PriceTable {
  return { ...LIST, ...own };
}

/** The positions that calls make on the bill. A model without a price makes none. */
export function linesOf(calls: readonly BilledCall[], prices: PriceTable): BillLine[] {
  const byModel = new Map(Object.entries(prices).map(([name, price]) => [answeredModel(name), price]));
  const lines = new Map<string, { tokens: number; nanoUsd: number }>();
  for (const call of calls) {
    const price = byModel.get(call.model);
    if (price === undefined) continue;
    const positions = [
      ['input', call.inputTokens - call.cachedTokens, price.input],
      ['cached input', call.cachedTokens, price.cached_input ?? price.input],
      ['output', call.outputTokens, price.output ?? 0],
    ] as const;
    for (const [what, tokens, usd] of positions) {
      if (tokens === 0) continue;
      const item = `${call.model}, ${what}`;
      const line = lines.get(item) ?? { tokens: 0, nanoUsd: 0 };
      lines.set(item, { tokens: line.tokens + tokens, nanoUsd: line.nanoUsd + tokens * Math.round(usd * 1000) });
    }
  }
  return [...lines].map(([item, line]) => ({ item, ...line }));
}
