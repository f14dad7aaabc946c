// The embedded database as a `Storage`.
import { Kysely } from 'kysely';
import { systemClock, type Clock } from '../../lib/clock.ts';
import type { Tables } from '../columns.ts';
import type { LedgerTables } from '../ledger-tables.ts';
import { sqlLedgerReports } from '../sql-ledger-reports.ts';
import { sqlStorage, type SqlBackend } from '../sql-storage.ts';
import { StorageError, type Storage } from '../storage.ts';
import { SqliteConnection } from './connection.ts';
import { sqliteDialect, type Side } from './dialect.ts';
import { SqliteLedgerReports } from './ledger-reports.ts';
import { Place } from './place.ts';
import { SqliteReader } from './reader.ts';
import { Turns } from './turns.ts';

/** Each waits as long as a write waits for another program's. */
const flushAttempts = 3;

/** Another program's change is found by asking: a file tells nothing. */
const pollEveryMs = 500;

/** Opens and migrates the database file; rejects with a `StorageError` that says what is wrong with it. */
export async function openSqliteStorage(file: string, clock: Clock = systemClock): Promise<Storage> {
  const connection = await SqliteConnection.open(file, { clock });
  const place = new Place(file);
  const turns = new Turns(connection);
  const writing: Side = { connection, turns };
  const database = new Kysely<Tables>({ dialect: sqliteDialect(() => writing) });
  // While nothing is to be written, which may have to wait for others' writes, its thread has time for short questions.
  const short = sqlLedgerReports(new Kysely<LedgerTables>({ dialect: sqliteDialect(() => writing) }));
  const reports = new SqliteLedgerReports(file, place, clock, () => (connection.isIdle ? short : undefined));
  const reader = new SqliteReader(file, place);
  const reading: Side = { connection: reader, turns: new Turns(reader) };
  // What is asked within a transaction belongs to it: only there is what it has written so far.
  const watched = new Kysely<Tables>({ dialect: sqliteDialect(() => (turns.isInside ? writing : reading)) });
  const backend: SqlBackend = {
    pollEveryMs,
    locksRows: false,
    onChange: () => () => {},
    reports,
    transaction: (work) => turns.transaction(work),
    batch: (statements) => turns.batch(statements),
    flush: () => flush(connection),
    close: async () => {
      await reports.close();
      reader.close();
      await connection.close();
    },
  };
  return sqlStorage(database, backend, watched);
}

/** With `synchronous = NORMAL` a commit may be lost with the power until the write-ahead log has been checkpointed. */
async function flush(connection: SqliteConnection): Promise<void> {
  for (let n = 0; n < flushAttempts; n += 1) {
    const { rows } = await connection.run('PRAGMA wal_checkpoint(FULL)', []);
    if (rows?.[0]?.['busy'] === 0) return;
  }
  throw new StorageError('the database is too busy to be written to the disk for good; try again');
}
