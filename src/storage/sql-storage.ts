// The storage interfaces over SQL: the same queries for every database that Kysely speaks to.
import type { Kysely } from 'kysely';
import { clientKeyStore } from './client-key-store.ts';
import { RowError, type Tables } from './columns.ts';
import type { LedgerReports } from './ledger-reports.ts';
import { sqlAudit, type Batch } from './sql-audit.ts';
import { repriceLedger } from './reprice.ts';
import { decodeNamed, noteUse, resourceStore, type ResourceTable } from './resource-store.ts';
import type {
  AccountRow,
  ConfigurationRows,
  PriceRow,
  ProviderRow,
  RouteRow,
  SealedCredentials,
  Storage,
} from './storage.ts';
import { transcriptStore } from './transcript-store.ts';

/** What differs between databases. */
export interface SqlBackend extends Pick<Storage, 'pollEveryMs' | 'onChange'> {
  /** Whether several may write at the same time, so that rows must be locked. */
  readonly locksRows: boolean;
  readonly reports: LedgerReports;
  transaction<Result>(work: () => Promise<Result>): Promise<Result>;
  readonly batch: Batch;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** A `Storage` over an open, migrated database; `watched` is the way on which changes are asked for. */
export function sqlStorage(database: Kysely<Tables>, backend: SqlBackend, watched = database): Storage {
  return {
    providers: resourceStore<ProviderRow>(database, 'providers'),
    accounts: resourceStore<AccountRow>(database, 'accounts'),
    routes: resourceStore<RouteRow>(database, 'routes'),
    prices: resourceStore<PriceRow>(database, 'prices'),
    clientKeys: clientKeyStore(database, watched, backend.locksRows),
    sealedCredentials: sealedCredentials(database),
    audit: sqlAudit(database, backend.batch),
    transcripts: transcriptStore(database),
    reports: backend.reports,
    transaction: (work) => backend.transaction(work),
    flush: () => backend.flush(),
    pollEveryMs: backend.pollEveryMs,
    onChange: (hear) => backend.onChange(hear),
    revision: () => readRevision(watched),
    // One picture of one moment: without the level each statement would see what was committed before it.
    readConfiguration: () =>
      watched.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(readConfiguration),
    reprice: (range, cost, options) =>
      repriceLedger(database, range, cost, { ...options, locksRows: backend.locksRows }),
    noteUse: (usedAt) => noteUse(database, 'accounts', usedAt, backend.locksRows),
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
    close: () => backend.close(),
  };
}

function sealedCredentials(database: Kysely<Tables>): SealedCredentials {
  return {
    async list(limit, afterId) {
      const all = database.selectFrom('accounts').select(['id', 'auth_data']).orderBy('id').limit(limit);
      const rows = await (afterId === undefined ? all : all.where('id', '>', afterId)).execute();
      return rows.map((row) => ({ id: String(row.id), sealed: String(row.auth_data) }));
    },
    async replace(id, before, after) {
      const result = await database
        .updateTable('accounts')
        .set({ auth_data: after })
        .where('id', '=', id)
        .where('auth_data', '=', before)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
  };
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
    prices: await read<PriceRow>('prices'),
    problems,
  };
}
