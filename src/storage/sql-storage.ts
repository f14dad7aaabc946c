// The storage interfaces over SQL: the same queries for every database that Kysely speaks to.
import type { Kysely } from 'kysely';
import { decodeRow, encodeRow, RowError, type Tables } from './columns.ts';
import type { AccountRow, ConfigurationRows, ProviderRow, ResourceStore, RouteRow, Storage } from './storage.ts';

type ResourceTable = 'providers' | 'accounts' | 'routes';

/** What differs between databases. */
export interface SqlBackend {
  backup(file: string): Promise<void>;
  close(): Promise<void>;
}

/** A `Storage` over an open, migrated database. */
export function sqlStorage(database: Kysely<Tables>, backend: SqlBackend): Storage {
  return {
    providers: resourceStore<ProviderRow>(database, 'providers'),
    accounts: resourceStore<AccountRow>(database, 'accounts'),
    routes: resourceStore<RouteRow>(database, 'routes'),
    revision: () => readRevision(database),
    readConfiguration: () => database.transaction().execute(readConfiguration),
    noteUse: (usedAt) => noteUse(database, usedAt),
    readNote: async (name) => {
      const note = await database.selectFrom('notes').select('content').where('name', '=', name).executeTakeFirst();
      return note?.content;
    },
    keepNote: async (name, content) => {
      await database
        .insertInto('notes')
        .values({ name, content })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      const note = await database
        .selectFrom('notes')
        .select('content')
        .where('name', '=', name)
        .executeTakeFirstOrThrow();
      return note.content;
    },
    writeNote: async (name, content) => {
      await database
        .insertInto('notes')
        .values({ name, content })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ content }))
        .execute();
    },
    backup: (file) => backend.backup(file),
    close: () => backend.close(),
  };
}

function resourceStore<Row extends { readonly id: string }>(
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

function decodeNamed<Row>(table: ResourceTable, row: Readonly<Record<string, unknown>>): Row {
  try {
    return decodeRow<Row>(row);
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    throw new RowError(`${table} row "${String(row['id'])}": ${error.message}`);
  }
}

async function readRevision(database: Kysely<Tables>): Promise<number> {
  const row = await database.selectFrom('configuration_revision').select('revision').executeTakeFirstOrThrow();
  return row.revision;
}

async function readConfiguration(database: Kysely<Tables>): Promise<ConfigurationRows> {
  const problems: string[] = [];
  const read = async <Row>(table: ResourceTable): Promise<Row[]> => {
    const rows = await database.selectFrom(table).selectAll().orderBy('id').execute();
    return rows.flatMap((row) => {
      try {
        return [decodeNamed<Row>(table, row)];
      } catch (error) {
        if (!(error instanceof RowError)) throw error;
        problems.push(error.message);
        return [];
      }
    });
  };
  return {
    revision: await readRevision(database),
    providers: await read<ProviderRow>('providers'),
    accounts: await read<AccountRow>('accounts'),
    routes: await read<RouteRow>('routes'),
    problems,
  };
}

async function noteUse(database: Kysely<Tables>, usedAt: ReadonlyMap<string, string>): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    for (const [id, time] of usedAt) {
      await transaction.updateTable('accounts').set({ last_used_at: time }).where('id', '=', id).execute();
    }
  });
}
