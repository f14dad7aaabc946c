// A table of resources as a `ResourceStore`: the same queries for each of them.
import { sql, type Kysely } from 'kysely';
import { decodeRow, encodeRow, RowError, type Tables } from './columns.ts';
import { padded } from './padded.ts';
import type { ResourceStore } from './storage.ts';

/** The tables whose rows have an id and are changed one by one. */
export type ResourceTable = 'providers' | 'accounts' | 'routes' | 'prices' | 'client_keys';

/** How many uses are noted at once: other statements wait no longer than these take. */
const usesAtOnce = 512;

/** The resources in a table. */
export function resourceStore<Row extends { readonly id: string }>(
  database: Kysely<Tables>,
  table: ResourceTable,
): ResourceStore<Row> {
  return {
    async list(limit, afterId) {
      const all = database.selectFrom(table).selectAll().orderBy('id').limit(limit);
      const rows = await (afterId === undefined ? all : all.where('id', '>', afterId)).execute();
      return rows.map((row) => decodeNamed<Row>(table, row));
    },
    async get(id) {
      const row = await database.selectFrom(table).selectAll().where('id', '=', id).executeTakeFirst();
      return row && decodeNamed<Row>(table, row);
    },
    async insert(row) {
      await database.insertInto(table).values(encodeRow(row)).execute();
    },
    async update(id, change) {
      const columns = encodeRow(change);
      if (Object.keys(columns).length === 0) return (await this.get(id)) !== undefined;
      const result = await database
        .updateTable(table)
        .set(columns as never)
        .where('id', '=', id)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
    async remove(id) {
      const result = await database.deleteFrom(table).where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

/** A row of a table; throws a `RowError` that names both. */
export function decodeNamed<Row>(table: ResourceTable, row: Readonly<Record<string, unknown>>): Row {
  try {
    return decodeRow<Row>(row);
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    throw new RowError(`${table} row "${String(row['id'])}": ${error.message}`);
  }
}

/** Notes when resources were last used: id → ISO 8601 time. `locksRows`: several may note at the same time. */
export async function noteUse(
  database: Kysely<Tables>,
  table: 'accounts' | 'client_keys',
  usedAt: ReadonlyMap<string, string>,
  locksRows: boolean,
): Promise<void> {
  // In order of id: several gateways that note the same rows wait for one another, but never in a circle.
  const uses = [...usedAt].sort(([a], [b]) => (a < b ? -1 : 1));
  for (let from = 0; from < uses.length; from += usesAtOnce) {
    const some = uses.slice(from, from + usesAtOnce);
    const note = async (writer: Kysely<Tables>): Promise<void> => {
      if (locksRows) {
        const ids = padded(some.map(([id]) => id));
        await writer.selectFrom(table).select('id').where('id', 'in', ids).orderBy('id').forUpdate().execute();
      }
      // One statement, because a message to the database's thread and back costs more than what it does there; and one
      // parameter, because a statement of a thousand takes longer to make than all the rest.
      const list = JSON.stringify(some);
      const used = locksRows ? sql`json_array_elements(CAST(${list} AS json))` : sql`json_each(${list})`;
      await sql`UPDATE ${sql.table(table)} SET last_used_at = used.value ->> 1 FROM ${used} AS used
        WHERE ${sql.ref(`${table}.id`)} = used.value ->> 0`.execute(writer);
    };
    if (locksRows) await database.transaction().execute(note);
    else await note(database);
  }
}
