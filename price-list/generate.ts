// Writes src/providers/openai/price-list.ts from the data set of dated prices and our overlay; with --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { findProvider } from '@pydantic/genai-prices';
import { readUsd, writeUsd } from '../src/core/money.ts';
import { namesOf } from '../src/prices/names.ts';
import {
  fineTunedPrices,
  leftOut,
  listedHalves,
  otherNames,
  otherPrices,
  tierPrices,
  withoutHalves,
} from './overlay.ts';

const target = new URL('../src/providers/openai/price-list.ts', import.meta.url);

/** The version of the data set that this is made for, and the day of its last change: who raises one looks up the other. */
const dataSet = { version: '0.1.8', asOf: '2026-09-23' };

/** The units of the data set in the order of the table; others are no tokens of text or audio. */
const units = [
  'input_mtok',
  'cache_read_mtok',
  'cache_write_mtok',
  'output_mtok',
  'input_audio_mtok',
  'output_audio_mtok',
];
const longUnits = units.slice(0, 4);

type Amount = number | { base: number; tiers: { start: number; price: number }[] } | undefined;
type Rates = Record<string, Amount>;
interface Dated {
  constraint?: { type: string; start_date?: string };
  prices: Rates;
}
interface Model {
  id: string;
  match: unknown;
  prices: Rates | Dated[];
}

function run(isCheck: boolean): void {
  const text = priceList();
  if (readFileSync(target, { encoding: 'utf8', flag: 'a+' }) === text) {
    process.stdout.write('up to date: the price list\n');
  } else if (isCheck) {
    process.stderr.write(
      'out of date: src/providers/openai/price-list.ts; run "npm run prices" and commit the result\n',
    );
    process.exitCode = 1;
  } else writeFileSync(target, text);
}

function priceList(): string {
  const manifest = new URL('../node_modules/@pydantic/genai-prices/package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  if (version !== dataSet.version)
    throw new Error(`the data set is ${version}: write its version and its day into ${import.meta.filename}`);
  const provider = findProvider({ providerId: 'openai' });
  if (provider === undefined) throw new Error('the data set has no provider "openai"');
  const all = provider.models as unknown as Model[];
  const overlay = [tierPrices, fineTunedPrices, otherPrices].flatMap((table) => cellsOf(table));
  const replaced = new Set(cellsOf(otherPrices).map(([model]) => model));
  const kept = all.filter(({ id }) => !leftOut.some(([name]) => name.test(id)));
  const rows = [...kept.filter(({ id }) => !replaced.has(id)).flatMap(linesOf), ...overlay];
  const ids = [...new Set(rows.map(([model]) => model ?? ''))];
  const aliases = aliasesOf(kept, ids);
  return `// OpenAI's list prices as text tables, made by \`npm run prices\`. Do not edit: change price-list/overlay.ts.
// From @pydantic/genai-prices (MIT licence, Pydantic Services Inc.) and the overlay beside the script.

/** The day up to which the prices are known to be right. */
export const asOf = '${dataSet.asOf}';

/** \`model tiers from input cached written output audio-input audio-output [> tokens input cached written output]\`, in USD per million tokens. */
export const priceTable = \`
${aligned(rows)}
\`;

/** \`name model\`: the price of \`name\` stands under \`model\`. Names with a date at the end need no line. */
export const aliasTable = \`
${aligned([...aliases].sort(([a], [b]) => (a < b ? -1 : 1)))}
\`;
`;
}

function cellsOf(table: string): string[][] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/u))
    .map((cells) => (cells.length < 9 ? [...cells, ...Array<string>(9 - cells.length).fill('-')] : cells));
}

/** A model's lines: the standard price at each date, and its halves. */
function linesOf({ id, prices }: Model): string[][] {
  const dated: Dated[] = Array.isArray(prices) ? prices : [{ prices }];
  return dated.flatMap(({ constraint, prices: rates }) => {
    if (constraint !== undefined && constraint.type !== 'start_date') throw new Error(`${id}: ${constraint.type}`);
    const from = constraint?.start_date ?? '-';
    const cells = units.map((unit) => written(baseOf(rates[unit])));
    const long = longOf(id, rates);
    const standard = [id, 'default', from, ...cells, ...long];
    if (withoutHalves.test(id)) return [standard];
    const halves = [...cells, ...long].map((cell, n) => (cell === '-' || cell === '>' || n === 7 ? cell : half(cell)));
    const rounded = listedHalves[id];
    if (rounded !== undefined) halves[1] = rounded.cached;
    return [standard, [id, 'flex,batch', from, ...halves]];
  });
}

function baseOf(amount: Amount): number | undefined {
  return typeof amount === 'object' ? amount.base : amount;
}

/** The rates of long context with the number of prompt tokens that they begin above. */
function longOf(id: string, rates: Rates): string[] {
  const starts = new Set(
    Object.values(rates).flatMap((amount) =>
      typeof amount === 'object' ? amount.tiers.map(({ start }) => start) : [],
    ),
  );
  const [start, another] = starts;
  if (start === undefined) return [];
  if (another !== undefined) throw new Error(`${id} has more than one step of long context`);
  const cells = longUnits.map((unit) => {
    const amount = rates[unit];
    return written(typeof amount === 'object' ? amount.tiers[0]?.price : amount);
  });
  return ['>', String(start), ...cells];
}

function written(usd: number | undefined): string {
  if (usd === undefined) return '-';
  return writeUsd(nanoOf(String(usd)));
}

function half(usd: string): string {
  const nanoUsd = nanoOf(usd);
  if (nanoUsd % 2 !== 0) throw new Error(`${usd} has no half`);
  return writeUsd(nanoUsd / 2);
}

function nanoOf(usd: string): number {
  const reading = readUsd(usd);
  if ('problem' in reading) throw new Error(`${usd} ${reading.problem}`);
  return reading.nanoUsd;
}

/** The other names of the kept models; those whose date alone leads to the model are left out. */
function aliasesOf(models: readonly Model[], ids: readonly string[]): Map<string, string> {
  const aliases = new Map(Object.entries(otherNames));
  const named = models.flatMap(({ id, match }) => matchedNames(match).map((name) => [name, id] as const));
  // Short names first: with them the dates of the longer ones may lead home.
  for (const [name, id] of named.sort(([a], [b]) => a.length - b.length)) {
    if (ids.includes(name) || namesOf(name, aliases).includes(id)) continue;
    aliases.set(name, id);
  }
  return aliases;
}

/** The names that a matcher of the data set spells out. What it matches by beginning or date, the rule for dates does. */
function matchedNames(match: unknown): string[] {
  return Object.entries(match as Record<string, unknown>).flatMap(([kind, value]) => {
    if (kind === 'or') return (value as unknown[]).flatMap(matchedNames);
    if (kind === 'equals') return [String(value)];
    if (kind === 'starts_with' || (kind === 'regex' && String(value).endsWith('-\\d{4}-\\d{2}-\\d{2}$'))) return [];
    throw new Error(`the data set matches names by ${kind}, which the generator does not know`);
  });
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, n) => Math.max(cell.length, all[n] ?? 0)).concat(all.slice(row.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join(' ')
        .trimEnd(),
    )
    .join('\n');
}

run(process.argv.includes('--check'));
