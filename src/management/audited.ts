// Which resources the audit log tells of, how a row of each is found, and what of it may be shown.
import { withBuiltIns } from '../configuration/snapshot.ts';
import { RowError } from '../storage/columns.ts';
import type { AccountRow, ClientKeyChange, ClientKeyRow, ConfigurationRows, Storage } from '../storage/storage.ts';

/** What the audit log shows of a row. */
export type Shown = Readonly<Record<string, unknown>>;

interface Audited<Row extends { readonly id: string }> {
  /** The row of this id as it is now. */
  readonly find: (storage: Storage, id: string) => Promise<Row | undefined>;
  /** All rows of a picture of the configuration. */
  readonly list: (rows: ConfigurationRows) => readonly Row[];
  /** The row without its secrets, and without what is no configuration. */
  readonly show: (row: Row) => Shown;
}

/** The same for callers that need not know the row's type. */
interface AuditedResource {
  readonly find: (storage: Storage, id: string) => Promise<Shown | null>;
  readonly list: (rows: ConfigurationRows) => Listed[];
}

function audited<Row extends { readonly id: string }>({ find, list, show }: Audited<Row>): AuditedResource {
  return {
    async find(storage, id) {
      try {
        const found = await find(storage, id);
        return found === undefined ? null : show(found);
      } catch (error) {
        // It can still be deleted.
        if (error instanceof RowError) return { problem: error.message };
        throw error;
      }
    },
    list: (rows) => list(rows).map((row) => ({ id: row.id, shown: show(row), whole: withoutUse(row) })),
  };
}

interface Listed {
  readonly id: string;
  readonly shown: Shown;
  /** To compare with: a secret that was exchanged for another one is a change, too. */
  readonly whole: string;
}

function withoutUse(row: object): string {
  return JSON.stringify({ ...row, last_used_at: null });
}

function showAccount(row: AccountRow): Shown {
  const shown: Record<string, unknown> = { ...row, auth_data: row.auth_hint };
  delete shown['auth_hint'];
  delete shown['last_used_at'];
  return shown;
}

function showKey(row: ClientKeyRow): Shown {
  const shown: Record<string, unknown> = { ...row };
  for (const secret of ['key_hash', 'previous_key_hash', 'last_used_at']) delete shown[secret];
  return shown;
}

/** A client key after a change of it. */
export function showKeyChange({ row, problem }: ClientKeyChange): Shown | null {
  if (row !== undefined) return showKey(row);
  return problem === undefined ? null : { problem };
}

/** The name of a list under /api/v1 → how its changes are told. What is missing here is noted without before and after. */
export const auditedResources: Readonly<Record<string, AuditedResource>> = {
  providers: audited({
    find: async (storage, id) =>
      (await storage.providers.get(id)) ?? withBuiltIns([]).find((provider) => provider.id === id),
    list: ({ providers }) => withBuiltIns(providers),
    show: (row) => ({ ...row }),
  }),
  accounts: audited({
    find: (storage, id) => storage.accounts.get(id),
    list: ({ accounts }) => accounts,
    show: showAccount,
  }),
  routes: audited({
    find: (storage, id) => storage.routes.get(id),
    list: ({ routes }) => routes,
    show: (row) => ({ ...row }),
  }),
  prices: audited({
    find: (storage, id) => storage.prices.get(id),
    list: ({ prices }) => prices,
    show: (row) => ({ ...row }),
  }),
  keys: audited({
    find: (storage, id) => storage.clientKeys.get(id),
    // They are many, and keep a list of their own changes.
    list: () => [],
    show: showKey,
  }),
  // Of a request only its transcript can be deleted; what it said is not told again.
  requests: audited({
    find: async (storage, id) => {
      const transcript = await storage.transcripts.get(id);
      return transcript && { id, key_id: transcript.key_id, has_transcript: true };
    },
    list: () => [],
    show: (row) => ({ ...row }),
  }),
};

/** A row that is not as it was. */
export interface ChangedRow {
  readonly resource: string;
  readonly id: string;
  readonly before: Shown | null;
  readonly after: Shown | null;
}

/** What differs between two pictures of the configuration. */
export function changedRows(before: ConfigurationRows, after: ConfigurationRows): ChangedRow[] {
  return Object.entries(auditedResources).flatMap(([resource, { list }]) => {
    const was = new Map(list(before).map((row) => [row.id, row]));
    const is = new Map(list(after).map((row) => [row.id, row]));
    const ids = [...new Set([...was.keys(), ...is.keys()])];
    return ids
      .filter((id) => was.get(id)?.whole !== is.get(id)?.whole)
      .map((id) => ({
        resource,
        id,
        before: was.get(id)?.shown ?? null,
        after: is.get(id)?.shown ?? unreadable(after, resource, id),
      }));
  });
}

/** A row that can no longer be read has not been deleted. */
function unreadable({ problems }: ConfigurationRows, resource: string, id: string): Shown | null {
  const problem = problems.find((sentence) => sentence.startsWith(`${resource} row "${id}": `));
  return problem === undefined ? null : { problem };
}
