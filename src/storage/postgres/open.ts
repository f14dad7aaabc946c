// Reaches a PostgreSQL database for the first time: proves its version and owner, and brings its schema up to date.
import { setTimeout as wait } from 'node:timers/promises';
import { OldSchemaError, StorageError } from '../storage.ts';
import { readAddress, type PostgresAddress } from './address.ts';
import { migrations, type Migration } from './migrations/registry.ts';
import { PostgresPool, type PostgresTurn } from './pool.ts';
import { isLostToAnother } from './problems.ts';

/** The oldest version that its makers still mend (postgresql.org/support/versioning), as `server_version_num`. */
const oldestServer = 140_000;

/** One number for all gateways: who holds this lock of a database migrates it. "agwy" in ASCII. */
const migrationLock = 0x61677779;

/** A migration of tables with many million rows takes its time. */
const migrationLimitMs = 600_000;

/** All else is answered at once by a server that is well, the first migration of an empty database included. */
const answerLimitMs = 10_000;

/** Others wait this long for one that migrates. */
const turnLimitMs = 60_000;
const turnEveryMs = 200;

/** A migration waits no longer for a table that somebody uses: behind it everybody else would have to wait too. */
const tableLockLimitMs = 2000;

/** The names of the migrations that the schema has seen, and of those that a program must know to work on it. */
interface SchemaState {
  readonly done: ReadonlySet<string>;
  readonly needed: ReadonlySet<string>;
}

/**
 * Opens the database of the URL, and migrates it or, where told not to, throws an `OldSchemaError` in its place; the answer says how to reach it from now on. Throws a `StorageError` that
 * says what is wrong and what to do. Several may start at once: one migrates, the others wait for it.
 */
export async function openDatabase(
  url: string,
  steps: readonly Migration[] = migrations,
  migrates = true,
): Promise<PostgresAddress> {
  const given = readAddress(url);
  if (given.tls !== 'prefer') return openAt(given, steps, migrates);
  try {
    return await openAt({ ...given, tls: 'require' }, steps, migrates);
  } catch (error) {
    if (!String((error as Error).cause).includes('does not support SSL')) throw error;
    return openAt({ ...given, tls: 'disable' }, steps, migrates);
  }
}

async function openAt(
  address: PostgresAddress,
  steps: readonly Migration[],
  migrates: boolean,
): Promise<PostgresAddress> {
  const pool = new PostgresPool(address, { size: 1, name: 'aigateway (start)', statementLimitMs: migrationLimitMs });
  try {
    const turn = await pool.take();
    try {
      await checkServer(turn, address);
      await (migrates ? migrate : checkSchema)(turn, address, steps);
    } finally {
      turn.end();
    }
  } finally {
    await pool.close();
  }
  return address;
}

async function checkServer(turn: PostgresTurn, { shown }: PostgresAddress): Promise<void> {
  const { rows } = await turn.run(
    "SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version, pg_is_in_recovery() AS is_standby",
    [],
    answerLimitMs,
  );
  if (Number(rows[0]?.['number']) < oldestServer) {
    throw new StorageError(
      `the database ${shown} is PostgreSQL ${String(rows[0]?.['version'])}, which is too old; use version ${oldestServer / 10_000} or later`,
    );
  }
  if (rows[0]?.['is_standby'] === true) {
    throw new StorageError(
      `the database ${shown} is a standby, which can only be read; name its primary in DATABASE_URL`,
    );
  }
}

async function checkSchema(turn: PostgresTurn, address: PostgresAddress, steps: readonly Migration[]): Promise<void> {
  const state = await readState(turn, address);
  if (state === undefined || !isUpToDate(state, address, steps))
    throw new OldSchemaError(address.shown, state === undefined);
}

async function migrate(turn: PostgresTurn, address: PostgresAddress, steps: readonly Migration[]): Promise<void> {
  for (const startedAtMs = performance.now(); ; await wait(turnEveryMs)) {
    const state = await readState(turn, address);
    if (state !== undefined && isUpToDate(state, address, steps)) return;
    try {
      if (await migrateOnce(turn, address, steps)) return;
    } catch (error) {
      if (!isLostToAnother(error)) throw mayNot(error, address);
      if (performance.now() - startedAtMs > turnLimitMs) throw error;
    }
    if (performance.now() - startedAtMs > turnLimitMs) {
      throw new StorageError(
        `the schema of the database ${address.shown} has been worked on by another start for a minute; try again when it is done`,
      );
    }
  }
}

/** The state of the schema; undefined where there is none yet. */
async function readState(turn: PostgresTurn, { shown }: PostgresAddress): Promise<SchemaState | undefined> {
  const { rows } = await turn.run(
    `SELECT name AS schema, to_regclass(format('%I.aigateway_schema', name)) IS NOT NULL AS is_ours,
       to_regclass(format('%I.providers', name)) IS NOT NULL AS is_foreign
     FROM coalesce(current_schema()::text, '') AS name`,
    [],
    answerLimitMs,
  );
  const [found] = rows;
  if (found?.['schema'] === '') {
    throw new StorageError(
      `the database ${shown} has no schema for this user's tables; make one, or name one with ?options=-csearch_path=NAME`,
    );
  }
  if (found?.['is_ours'] !== true) {
    if (found?.['is_foreign'] !== true) return undefined;
    throw new StorageError(
      `the database ${shown} has tables of another program under our names; make a database for aigateway alone`,
    );
  }
  const seen = await turn.run('SELECT migration, needed FROM aigateway_schema', [], answerLimitMs);
  const names = (column: string): Set<string> => new Set(seen.rows.map((row) => String(row[column])));
  return { done: names('migration'), needed: names('needed') };
}

/** A newer schema serves an older program too, until a migration says that it does not. */
function isUpToDate({ done, needed }: SchemaState, { shown }: PostgresAddress, steps: readonly Migration[]): boolean {
  if ([...needed].some((name) => name !== '' && !steps.some((step) => step.name === name))) {
    throw new StorageError(
      `the database ${shown} was changed by a newer version of aigateway, and this one can no longer work with it; use that version`,
    );
  }
  return steps.every(({ name }) => done.has(name));
}

/** Runs what is missing in one transaction; false where somebody else is at it. */
async function migrateOnce(
  turn: PostgresTurn,
  address: PostgresAddress,
  steps: readonly Migration[],
): Promise<boolean> {
  await turn.run('BEGIN', [], answerLimitMs);
  try {
    const { rows } = await turn.run('SELECT pg_try_advisory_xact_lock($1) AS has_lock', [migrationLock], answerLimitMs);
    const hasLock = rows[0]?.['has_lock'] === true;
    if (hasLock) {
      await turn.run(`SET LOCAL lock_timeout = ${tableLockLimitMs}`);
      await runMissing(turn, (await readState(turn, address))?.done, steps);
    }
    await turn.run('COMMIT');
    return hasLock;
  } catch (error) {
    await turn.rollBack();
    throw error;
  }
}

async function runMissing(
  turn: PostgresTurn,
  done: ReadonlySet<string> | undefined,
  steps: readonly Migration[],
): Promise<void> {
  const limitMs = done === undefined ? answerLimitMs : migrationLimitMs;
  if (done === undefined) {
    const sql = 'CREATE TABLE aigateway_schema (migration TEXT NOT NULL PRIMARY KEY, needed TEXT NOT NULL)';
    await turn.run(sql, [], limitMs);
  }
  for (const { name, statements, needed = '' } of steps) {
    if (done?.has(name) === true) continue;
    for (const statement of statements) await turn.run(statement, [], limitMs);
    await turn.run('INSERT INTO aigateway_schema (migration, needed) VALUES ($1, $2)', [name, needed]);
  }
}

/** 42501: insufficient_privilege. Since PostgreSQL 15 only the owner of a database may make tables in its schema "public". */
function mayNot(error: unknown, { shown, user }: PostgresAddress): unknown {
  const { cause, message } = error as Error;
  if ((cause as { code?: unknown } | undefined)?.code !== '42501') return error;
  return new StorageError(
    `the database ${shown} lets the user "${user}" make no tables (${message.slice(message.lastIndexOf(': ') + 2)}); make it the owner: ALTER DATABASE … OWNER TO "${user}"`,
    { cause },
  );
}
