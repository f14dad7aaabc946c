// Requests of the ledger with their attempts: by id, or the newest that fit a filter.
import { sql, type Kysely, type SelectQueryBuilder } from 'kysely';
import { idsFrom } from '../lib/id.ts';
import type { LedgerReports, RequestFilter } from './ledger-reports.ts';
import type { LedgerEntry } from './ledger-store.ts';
import type { LedgerTables } from './ledger-tables.ts';
import { spansOf } from './request-spans.ts';

/** The requests in an open, migrated database. */
export function requestReports(database: Kysely<LedgerTables>): Pick<LedgerReports, 'listRequests' | 'getRequest'> {
  return {
    async listRequests(filter, limit, beforeId) {
      // First the ids alone, which an index answers; then the rows of those that count.
      const ids = await listIds(database, filter, limit, beforeId);
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

/** The ids of the newest that fit. */
async function listIds(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
  limit: number,
  beforeId: string | undefined,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const span of spansOf(database, filter, beforeId) ?? [{}]) {
    const found = await selectIds(database, { ...filter, ...span }, beforeId)
      .limit(limit - ids.length)
      .execute();
    ids.push(...found.map(({ id }) => id));
    if (ids.length >= limit) break;
  }
  return ids;
}

type Searched = 'requests' | 'request_accounts';

/** The ids that fit, the newest first: from the index that leads to the fewest. */
function selectIds(
  database: Kysely<LedgerTables>,
  filter: RequestFilter,
  beforeId: string | undefined,
): SelectQueryBuilder<LedgerTables, Searched, { id: string }> {
  const { accountId, outcome } = filter;
  // What has failed is rare, so its index leads to fewer than an account does.
  const isByAccount = accountId !== undefined && (outcome === undefined || outcome === 'ok');
  const [table, id] = isByAccount
    ? (['request_accounts', 'request_accounts.request_id'] as const)
    : (['requests', 'requests.id'] as const);
  const { fromMs, toMs, model, keyId } = filter;
  let query = (database.selectFrom(table) as SelectQueryBuilder<LedgerTables, Searched, object>)
    .select(`${id} as id`)
    .orderBy(id, 'desc');
  if (isByAccount) query = query.where('request_accounts.account_id', '=', accountId);
  else if (accountId !== undefined) {
    query = query.where((where) =>
      where.exists(
        where
          .selectFrom('request_accounts as tried')
          .select('tried.request_id')
          .where('tried.account_id', '=', accountId)
          .whereRef('tried.request_id', '=', 'requests.id'),
      ),
    );
  }
  if (model !== undefined) query = query.where(`${table}.model`, '=', model);
  if (keyId !== undefined) query = query.where(`${table}.key_id`, '=', keyId);
  if (outcome !== undefined) query = query.where(`${table}.outcome`, '=', outcome);
  // Said in so many words, because the index of outcomes leaves the good ones out.
  if (outcome !== undefined && outcome !== 'ok') query = query.where(`${table}.outcome`, '<>', sql.lit('ok'));
  // An id begins with the time of its request.
  if (fromMs !== undefined) query = query.where(id, '>=', idsFrom('req', fromMs));
  if (toMs !== undefined) query = query.where(id, '<', idsFrom('req', toMs));
  if (beforeId !== undefined) query = query.where(id, '<', beforeId);
  return query;
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
