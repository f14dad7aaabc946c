// OpenAI's list prices, read from their text tables.
import { readUsd } from '../../core/money.ts';
import { tokenKinds, type Price, type PriceList, type Rates } from '../../core/price.ts';
import { aliasTable, asOf, priceTable } from './price-list.ts';

/** What OpenAI asks for a call of its models, whoever resells them. */
export const listPrices: PriceList = {
  asOf,
  prices: linesOf(priceTable).flatMap(readLine),
  aliases: new Map(linesOf(aliasTable).map(([name = '', model = '']) => [name, model])),
};

function linesOf(table: string): string[][] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/u));
}

/** A line's prices: one for each of its tiers. */
function readLine(cells: readonly string[]): Price[] {
  const [model = '', tiers = '', from = '', ...amounts] = cells;
  const rates = readRates(amounts.slice(0, tokenKinds.length));
  const [sign, overTokens, ...longAmounts] = amounts.slice(tokenKinds.length);
  const longContext = sign === undefined ? null : { overTokens: Number(overTokens), rates: readRates(longAmounts) };
  return tiers.split(',').map((tier) => ({
    id: `list_${model}_${tier}${from === '-' ? '' : `_${from}`}`,
    model,
    providerId: null,
    tier,
    fromMs: from === '-' ? -Infinity : Date.parse(from),
    rates,
    longContext,
  }));
}

function readRates(amounts: readonly string[]): Rates {
  return Object.fromEntries(tokenKinds.map((kind, n) => [kind, readAmount(amounts[n] ?? '-')])) as Rates;
}

function readAmount(text: string): number | null {
  const reading = readUsd(text === '-' ? '' : text);
  return 'problem' in reading ? null : reading.nanoUsd;
}
