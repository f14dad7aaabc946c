// Both databases have the same tables and columns, so that one set of queries serves both, but for what one has in place of an index.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { migrations as postgresMigrations } from '../../src/storage/postgres/migrations/registry.ts';
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { migrations as sqliteMigrations } from '../../src/storage/sqlite/migrations/registry.ts';
import { runSql, sharedPostgres, withoutPostgres } from '../support/postgres.ts';

/** A column as `table.column type`, with `not null` where it is. */
type Column = string;

/** PostgreSQL's type → SQLite's, which has no booleans. */
const types: Readonly<Record<string, string>> = {
  text: 'TEXT',
  bigint: 'INTEGER',
  boolean: 'INTEGER',
  'double precision': 'REAL',
};

/** What the embedded database has in place of an index of the other. */
const embeddedOnly = ['request_keys', 'listed_requests'];

function sqliteColumns(): Column[] {
  const database = new DatabaseSync(':memory:');
  for (const { statements } of sqliteMigrations) for (const statement of statements) database.exec(statement);
  const rows = database
    .prepare(
      `SELECT t.name || '.' || c.name || ' ' || c.type || CASE WHEN c."notnull" OR c.pk > 0 THEN ' not null' ELSE '' END AS shown
       FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
       WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT IN ('${embeddedOnly.join("', '")}')`,
    )
    .all();
  return rows.map((row) => String(row['shown']));
}

async function postgresColumns(url: string): Promise<Column[]> {
  const rows = await runSql(
    url,
    `SELECT table_name, column_name, data_type, is_nullable, collation_name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> 'aigateway_schema'`,
  );
  for (const row of rows)
    if (row['data_type'] === 'text')
      assert.equal(row['collation_name'], 'C', `${String(row['table_name'])}.${String(row['column_name'])}`);
  return rows.map((row) => {
    const type = types[String(row['data_type'])] ?? String(row['data_type']);
    const needed = row['is_nullable'] === 'NO' ? ' not null' : '';
    return `${String(row['table_name'])}.${String(row['column_name'])} ${type}${needed}`;
  });
}

test('every migration of one database is one of the other, too', () => {
  const names = (migrations: readonly { readonly name: string }[]): string[] => migrations.map(({ name }) => name);
  assert.deepEqual(names(postgresMigrations), names(sqliteMigrations));
});

test('SQLite and PostgreSQL have the same tables and columns', { skip: withoutPostgres }, async () => {
  const url = await (await sharedPostgres()).createDatabase();
  await (await openPostgresStorage(url)).close();
  assert.deepEqual((await postgresColumns(url)).sort(), sqliteColumns().sort());
});
