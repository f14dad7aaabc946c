// The tables that are moved, as the embedded database describes them, and their rows in a form that both databases share.
import { createHash, type Hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { allRequestAccounts } from '../sqlite/request-lists.ts';

/** A table of both databases. */
export interface MovedTable {
  readonly name: string;
  /** What is read in its place in the embedded database. */
  readonly readFrom: string;
  readonly columns: readonly string[];
  /** The primary key; empty where the table has a single row. */
  readonly key: readonly string[];
}

/** A row: its values in the order of the columns. */
export type Row = readonly (string | number | null)[];

/** What is derived from other tables comes after them: their triggers write to it while they are filled. */
const derived = [
  'client_key_changes',
  'request_accounts',
  'usage_quarters',
  'usage_folds',
  'usage_fold_kinds',
  'spools',
  'spool_spending',
  'configuration_revision',
];

/** What the embedded database has in place of an index: PostgreSQL has the index. */
const embeddedOnly = ['request_keys', 'listed_requests'];

/** The tables in the order in which they are filled. */
export function listTables(source: DatabaseSync): MovedTable[] {
  const names = source
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map((row) => String(row['name']))
    .filter((name) => !embeddedOnly.includes(name));
  const rank = (name: string): string => (name === 'attempts' ? 'requests ' : name);
  return names
    .sort((a, b) => derived.indexOf(a) - derived.indexOf(b) || (rank(a) < rank(b) ? -1 : 1))
    .map((name) => {
      const columns = source.prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY cid').all(name);
      const key = columns.filter((column) => column['pk'] !== 0).sort((a, b) => Number(a['pk']) - Number(b['pk']));
      return {
        name,
        readFrom: name === 'request_accounts' ? allRequestAccounts : name,
        columns: columns.map((column) => String(column['name'])),
        key: key.map((column) => String(column['name'])),
      };
    });
}

/** Names as both databases read them. */
export function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

/** A row of either database: PostgreSQL has booleans where SQLite has 0 and 1, and neither NUL nor halves of characters. */
export function rowOf({ columns }: MovedTable, found: Readonly<Record<string, unknown>>): Row {
  return columns.map((column) => {
    const value = found[column];
    if (typeof value === 'boolean') return Number(value);
    if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\uFFFD');
    return value as number | null;
  });
}

/** The key of a row. */
export function keyOf({ columns, key }: MovedTable, row: Row): Row {
  return key.map((column) => row[columns.indexOf(column)] as string | number);
}

/** Counts rows and digests them, in order. */
export class Tally {
  rows = 0;
  readonly #hash: Hash = createHash('sha256');

  add(row: Row): void {
    this.rows += 1;
    this.#hash.update(`${JSON.stringify(row)}\n`);
  }

  /** Ends the tally. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
