// The audit log over SQL.
import type { Kysely } from 'kysely';
import { decodeRow, encodeRow, type Tables } from './columns.ts';
import type { AuditRow, AuditStore } from './storage.ts';

/** The audit log of an open, migrated database. */
export function sqlAudit(database: Kysely<Tables>): AuditStore {
  return {
    async add(entry) {
      await database.insertInto('audit').values(encodeRow(entry)).execute();
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
