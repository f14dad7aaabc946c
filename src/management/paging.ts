// Pages of a list in order of id, with an opaque cursor.
import { GatewayError } from '../core/errors.ts';
import type { ResourceStore } from '../storage/storage.ts';

/** A list's query, as its schema read it. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** A page with the cursor of the next one. */
export interface Page<Item> {
  data: Item[];
  next_cursor: string | null;
}

/** The id that a cursor stands for: the last one of the page before. */
export function idOfCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (id !== '' && cursorOf(id) === cursor) return id;
  throw new GatewayError('invalid_request', 'cursor must be the next_cursor of a page before.', { param: 'cursor' });
}

function cursorOf(id: string): string {
  return Buffer.from(id, 'utf8').toString('base64url');
}

/** The page made of `rows`, read with one row more than the page may hold. */
export function pageOfRows<Row extends { readonly id: string }, Item>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => Item,
): Page<Item> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    data: kept.map(present),
    next_cursor: rows.length > limit && last !== undefined ? cursorOf(last.id) : null,
  };
}

/** One page of a table. */
export async function readPage<Row extends { readonly id: string }, Item>(
  store: ResourceStore<Row>,
  query: PageQuery,
  present: (row: Row) => Item,
): Promise<Page<Item>> {
  return pageOfRows(await store.list(query.limit + 1, idOfCursor(query.cursor)), query.limit, present);
}

/** Every row of a table, a thousand at a time. */
export async function readAll<Row extends { readonly id: string }>(store: ResourceStore<Row>): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const more = await store.list(1000, rows.at(-1)?.id);
    rows.push(...more);
    if (more.length < 1000) return rows;
  }
}
