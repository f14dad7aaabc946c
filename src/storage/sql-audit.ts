// The audit log over SQL.
import type { Kysely } from 'kysely';
import { decodeRow, encodeRow, type Tables } from './columns.ts';
import type { AuditRow, AuditStore } from './storage.ts';

/** Runs statements as one transaction; false, and nothing is done, where one of them changes nothing. */
export type Batch = (
  statements: readonly { readonly sql: string; readonly parameters: readonly unknown[] }[],
) => Promise<boolean>;

/** So many entries are one statement: databases limit the parameters of one. */
const entriesAtOnce = 500;

/** The audit log of an open, migrated database. */
export function sqlAudit(database: Kysely<Tables>, batch: Batch): AuditStore {
  return {
    async add(entry) {
      await database.insertInto('audit').values(encodeRow(entry)).execute();
    },
    addAll(entries, notes) {
      const moves = notes.map(({ name, before, after }) =>
        database
          .updateTable('notes')
          .set({ content: after })
          .where('name', '=', name)
          .where('content', '=', before)
          .compile(),
      );
      const inserts = Array.from({ length: Math.ceil(entries.length / entriesAtOnce) }, (_, n) =>
        database
          .insertInto('audit')
          .values(entries.slice(n * entriesAtOnce, (n + 1) * entriesAtOnce).map((entry) => encodeRow(entry)))
          .compile(),
      );
      return batch([...moves, ...inserts]);
    },
    async list({ resource, resourceId, from, to }, limit, beforeId) {
      const rows = await database
        .selectFrom('audit')
        .selectAll()
        .$if(resource !== undefined, (query) => query.where('resource', '=', resource as string))
        .$if(resourceId !== undefined, (query) => query.where('resource_id', '=', resourceId as string))
        .$if(from !== undefined, (query) => query.where('created_at', '>=', from as string))
        .$if(to !== undefined, (query) => query.where('created_at', '<', to as string))
        .$if(beforeId !== undefined, (query) => query.where('id', '<', beforeId as number))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => decodeRow<AuditRow>(row));
    },
  };
}
