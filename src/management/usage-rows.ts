// Rows of usage as JSON and as CSV. Sums stay the digits that the database wrote: they may exceed what a number holds.
import { writeUsd } from '../core/money.ts';
import type { UsageReportRow } from '../storage/ledger-reports.ts';
import { sumColumns } from '../storage/usage-increments.ts';

/** A field of a group: a text, or null for "none". */
export type GroupField = readonly [name: string, value: string | null];

/** A row: what its members have in common, and their sums. */
export interface UsageRow {
  readonly group: readonly GroupField[];
  readonly sums: UsageReportRow['sums'];
}

/** The fields after those of the group, in order: the money in dollars. */
const sumFieldNames: readonly string[] = sumColumns.map((column) => (column === 'cost_nano_usd' ? 'cost_usd' : column));

/** The row of a group without a request. */
export const emptySums = Object.fromEntries(sumColumns.map((column) => [column, '0'])) as UsageReportRow['sums'];

/** The texts of the sums; null for the cost of tokens of which none has a price: it is not known, and not 0. */
function sumTexts({ sums }: UsageRow): (string | null)[] {
  const isUnpriced = sums.unpriced_tokens !== '0' && sums.unpriced_tokens === sums.total_tokens;
  return sumColumns.map((column) => {
    if (column !== 'cost_nano_usd') return sums[column];
    return isUnpriced ? null : writeUsd(BigInt(sums[column]));
  });
}

/** The row as JSON text. */
export function toJson(row: UsageRow): string {
  const group = row.group.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const sums = sumTexts(row).map((text, n) => {
    const name = sumFieldNames[n] ?? '';
    return `"${name}":${name === 'cost_usd' ? JSON.stringify(text) : text}`;
  });
  return `{${[...group, ...sums].join(',')}}`;
}

/** The first line of the CSV (RFC 4180). */
export function csvHead(groupFieldNames: readonly string[]): string {
  return `${[...groupFieldNames, ...sumFieldNames].join(',')}\r\n`;
}

/** The row as a line of CSV (RFC 4180); "none" and a cost that is not known are empty cells. */
export function toCsv(row: UsageRow): string {
  return `${[...row.group.map(([, value]) => csvCell(value ?? '')), ...sumTexts(row)].join(',')}\r\n`;
}

/** Model names are what clients wrote. A spreadsheet would run a cell that begins like a formula; an apostrophe makes it a text. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r\n]/u.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
