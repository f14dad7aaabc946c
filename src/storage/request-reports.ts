// Requests of the ledger with their attempts: by id, or the newest that fit a filter.
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import { idsFrom } from '../lib/id.ts';
import type { Span } from '../lib/time-zone.ts';
import type { LedgerReports, RequestFilter } from './ledger-reports.ts';
import type { LedgerEntry } from './ledger-store.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { spansOf } from './request-spans.ts';

/** Up to which id `request_accounts` and `request_keys` hold every request; after it they hold none. */
export type ListedUntil = () => Promise<string>;

/** The requests in an open, migrated database. Without `listedUntil` `request_accounts` holds all, and `requests` has an index of keys. */
export function requestReports(
  database: Kysely<LedgerTables>,
  listedUntil?: ListedUntil,
): Pick<LedgerReports, 'listRequests' | 'getRequest'> {
  return {
    async listRequests(filter, limit, beforeId) {
      // First the ids alone, which an index answers; then the rows of those that count.
      const ids = await listIds(database, filter, limit, beforeId, await sourcesOf(filter, listedUntil));
      if (ids.length === 0) return [];
      const requests = await database
        .selectFrom('requests')
        .selectAll()
        .where('id', 'in', ids)
        .orderBy('id', 'desc')
        .execute();
      return withAttempts(database, requests);
    },
    async getRequest(id) {
      const request = await database.selectFrom('requests').selectAll().where('id', '=', id).execute();
      return (await withAttempts(database, request))[0];
    },
  };
}

type Searched = 'requests' | 'request_accounts' | 'request_keys';

/** A table that leads to requests, and which of them are looked for in it. */
interface Source {
  readonly table: Searched;
  readonly afterId?: string;
  readonly untilId?: string;
}

/** Where the ids are looked for, the newest first: in what leads to the fewest. */
async function sourcesOf({ accountId, keyId, outcome }: RequestFilter, listedUntil?: ListedUntil): Promise<Source[]> {
  // What has failed is rare, so its index leads to fewer than an account or a key does.
  const isRare = outcome !== undefined && outcome !== 'ok';
  if (isRare || (accountId === undefined && keyId === undefined)) return [{ table: 'requests' }];
  const table = accountId === undefined ? 'request_keys' : 'request_accounts';
  if (listedUntil === undefined) return [{ table: accountId === undefined ? 'requests' : table }];
  // What is listed meanwhile is looked for where it was before, and there it stays.
  const untilId = await listedUntil();
  return [
    { table: 'requests', afterId: untilId },
    { table, untilId },
  ];
}

/** The ids of the newest that fit. */
async function listIds(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
  limit: number,
  beforeId: string | undefined,
  sources: readonly Source[],
): Promise<string[]> {
  const ids: string[] = [];
  for await (const span of spansOf(database, filter, beforeId) ?? [{}]) {
    for (const source of sources) {
      if (ids.length === limit || isOutside(source, span)) continue;
      const found = await selectIds(database, { ...filter, ...span }, beforeId, source)
        .limit(limit - ids.length)
        .execute();
      ids.push(...found.map(({ id }) => id));
    }
    if (ids.length === limit) break;
  }
  return ids;
}

function isOutside({ afterId = '' }: Source, { toMs }: Partial<Span>): boolean {
  return toMs !== undefined && idsFrom('req', toMs) <= afterId;
}

/** The ids that fit, the newest first. */
function selectIds(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
  beforeId: string | undefined,
  source: Source,
): SelectQueryBuilder<LedgerTables, Searched, { id: string }> {
  const { table } = source;
  const { accountId, keyId, model, outcome } = filter;
  const id = table === 'requests' ? 'requests.id' : (`${table}.request_id` as const);
  let query = (database.selectFrom(table) as SelectQueryBuilder<LedgerTables, Searched, object>)
    .select(`${id} as id`)
    .orderBy(id, 'desc');
  if (accountId !== undefined && table === 'request_accounts') {
    query = query.where('request_accounts.account_id', '=', accountId);
  } else if (accountId !== undefined) {
    query = query.where((where) =>
      where.exists(
        where
          .selectFrom('attempts')
          .select('attempts.request_id')
          .where('attempts.account_id', '=', accountId)
          .whereRef('attempts.request_id', '=', 'requests.id'),
      ),
    );
  }
  if (model !== undefined) query = query.where(`${table}.model`, '=', model);
  if (keyId !== undefined) query = query.where(`${table}.key_id`, '=', keyId);
  if (outcome !== undefined) query = query.where(`${table}.outcome`, '=', outcome);
  // Said in so many words, because the index of outcomes leaves the good ones out.
  if (outcome !== undefined && outcome !== 'ok') query = query.where(`${table}.outcome`, '<>', sql.lit('ok'));
  for (const [sign, bound] of boundsOf(filter, beforeId, source)) query = query.where(id, sign, bound);
  return query;
}

/** A condition on the id of a request. */
export type Bound = readonly [sign: '>' | '>=' | '<' | '<=', id: string];

/** One bound for each side at most: of two SQLite begins with either, and looks at all that lies between them. */
export function boundsOf(
  { fromMs, toMs }: Pick<RequestFilter, 'fromMs' | 'toMs'>,
  beforeId: string | undefined,
  { afterId, untilId }: { readonly afterId?: string; readonly untilId?: string },
): Bound[] {
  const bounds: Bound[] = [];
  // An id begins with the time of its request.
  const fromId = fromMs === undefined ? undefined : idsFrom('req', fromMs);
  if (afterId !== undefined && afterId >= (fromId ?? '')) bounds.push(['>', afterId]);
  else if (fromId !== undefined) bounds.push(['>=', fromId]);
  const before = [beforeId, toMs === undefined ? undefined : idsFrom('req', toMs)].filter((id) => id !== undefined);
  const [first] = before.toSorted();
  if (first !== undefined && (untilId === undefined || first <= untilId)) bounds.push(['<', first]);
  else if (untilId !== undefined) bounds.push(['<=', untilId]);
  return bounds;
}

async function withAttempts(
  database: Kysely<LedgerTables>,
  requests: readonly LedgerTables['requests'][],
): Promise<LedgerEntry[]> {
  if (requests.length === 0) return [];
  const attempts = await database
    .selectFrom('attempts')
    .selectAll()
    .where(
      'request_id',
      'in',
      requests.map(({ id }) => id),
    )
    .orderBy('request_id')
    .orderBy('n')
    .execute();
  const byRequest = Map.groupBy(attempts, (attempt) => attempt.request_id);
  return requests.map((request) => ({
    request: { ...request, is_stream: Boolean(request.is_stream) },
    attempts: byRequest.get(request.id) ?? [],
  }));
}
