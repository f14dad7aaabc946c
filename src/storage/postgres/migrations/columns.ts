// Pieces of SQL that several migrations of PostgreSQL share. What a landed one says with them never changes.

/** Bytes compare as bytes, whatever the language of the server: ids are in the same order everywhere. */
export const text = 'TEXT COLLATE "C"';

/** The present time as the gateway writes it: ISO 8601, UTC. */
export const timestamp = `(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`;

/** Text that is refused where it is no JSON of the type. */
export function json(column: string, type: 'array' | 'object'): string {
  const fallback = type === 'array' ? '[]' : '{}';
  return `${column} ${text} NOT NULL DEFAULT '${fallback}' CONSTRAINT "${column} must be a JSON ${type}" CHECK (json_typeof(${column}::json) = '${type}')`;
}

/** The primary key of a resource. */
export const id = `id ${text} NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty" CHECK (id <> '')`;

/**
 * A trigger that raises the revision when the table changes, or the columns that are named. It works before any row is
 * locked, so that all who change the configuration wait for one another at the same place, and never in a circle. The
 * lock is held until the end, so revisions become visible in their order.
 */
export function raiseRevision(table: string, columns = ''): string {
  return `CREATE TRIGGER ${table}_raise_revision BEFORE INSERT OR DELETE OR TRUNCATE OR UPDATE${columns} ON ${table}
     FOR EACH STATEMENT EXECUTE FUNCTION aigateway_raise_revision()`;
}
