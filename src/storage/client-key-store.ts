// The client keys over SQL: a resource like the others, and what changed of it since one last looked.
import type { Kysely } from 'kysely';
import { RowError, type Tables } from './columns.ts';
import { decodeNamed, noteUse, resourceStore } from './resource-store.ts';
import type { ClientKeyChange, ClientKeyRow, ClientKeyStore } from './storage.ts';

const table = 'client_keys';

/**
 * The client keys in an open, migrated database; `watched` is the way on which changes are asked for. `locksRows`:
 * several may write at the same time.
 */
export function clientKeyStore(database: Kysely<Tables>, watched: Kysely<Tables>, locksRows: boolean): ClientKeyStore {
  return {
    ...resourceStore<ClientKeyRow>(database, table),
    async changesAfter(revision, limit) {
      const rows = await watched
        .selectFrom('client_key_changes')
        .leftJoin(table, 'client_keys.id', 'client_key_changes.key_id')
        .select(['client_key_changes.revision', 'client_key_changes.key_id'])
        .selectAll(table)
        .where('client_key_changes.revision', '>', revision)
        .orderBy('client_key_changes.revision')
        .limit(limit)
        .execute();
      return rows.map(({ revision: at, key_id: id, ...row }) => readChange(at, id, row));
    },
    async latestRevision() {
      const row = await watched
        .selectFrom('client_key_changes')
        .select((select) => select.fn.max('revision').as('latest'))
        .executeTakeFirst();
      return row?.latest ?? 0;
    },
    noteUse: (usedAt) => noteUse(database, table, usedAt, locksRows),
  };
}

function readChange(revision: number, id: string, row: Readonly<Record<string, unknown>>): ClientKeyChange {
  const change = { revision, id, row: undefined, problem: undefined };
  if (row['id'] === null) return change;
  try {
    return { ...change, row: decodeNamed<ClientKeyRow>(table, row) };
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    return { ...change, problem: error.message };
  }
}
