// `GET /v1/organization/…`: OpenAI's own books of usage and costs, for whoever has an admin key.
import type { JournalRecord } from '../journal.ts';
import { isAdminKey, type Caller } from '../keys.ts';
import { missingScope, unknownPath, wrongMethod } from '../refusals.ts';
import { jsonReply, type Reply } from '../reply.ts';
import type { BookedCharge, BooksScript } from '../script.ts';
import { billedCalls, type BilledCall, type BilledKind } from './billed-call.ts';
import { priceTable, type PriceTable } from './price-table.ts';
import { readQuery, type BooksQuery, type BucketRules } from './query.ts';
import { chargeRows, completionRows, costRows, embeddingRows } from './results.ts';

/** Where all of these paths begin. */
export const BOOKS_PATH = '/v1/organization/';

interface BooksEndpoint extends BucketRules {
  readonly kinds: readonly BilledKind[];
  readonly rows: (calls: readonly BilledCall[], groupBy: ReadonlySet<string>, prices: PriceTable) => object[];
  /** Whether it is about money. */
  readonly isBill?: boolean;
}

const USAGE_WIDTHS = {
  '1d': { byDefault: 7, most: 31 },
  '1h': { byDefault: 24, most: 168 },
  '1m': { byDefault: 60, most: 1440 },
};
const USAGE_GROUPINGS = ['project_id', 'user_id', 'api_key_id', 'model'];

const BOOKS: Readonly<Record<string, BooksEndpoint>> = {
  'usage/completions': {
    widths: USAGE_WIDTHS,
    groupings: [...USAGE_GROUPINGS, 'batch', 'service_tier'],
    kinds: ['completions'],
    rows: completionRows,
  },
  'usage/embeddings': {
    widths: USAGE_WIDTHS,
    groupings: USAGE_GROUPINGS,
    kinds: ['embeddings'],
    rows: embeddingRows,
  },
  costs: {
    widths: { '1d': { byDefault: 7, most: 180 } },
    groupings: ['project_id', 'line_item', 'api_key_id'],
    kinds: ['completions', 'embeddings'],
    rows: costRows,
    isBill: true,
  },
};

/** A question about the books. */
export interface BooksQuestion {
  readonly method: string;
  readonly path: string;
  readonly search: URLSearchParams;
  readonly caller: Caller;
  readonly nowMs: number;
  readonly records: Iterable<JournalRecord>;
  readonly script: BooksScript;
}

/** Answers it. An admin key that the script lists sees its own organization, any other one sees all. */
export function answerBooks({ method, path, search, caller, nowMs, records, script }: BooksQuestion): Reply {
  const name = path.slice(BOOKS_PATH.length);
  const endpoint = Object.hasOwn(BOOKS, name) ? BOOKS[name] : undefined;
  if (endpoint === undefined) return unknownPath(method, path);
  if (method !== 'GET') return wrongMethod('GET');
  if (!isAdminKey(caller.key)) return missingScope('api.usage.read');
  const query = readQuery(search, endpoint, nowMs);
  if ('status' in query) return query;
  const calls = [...billedCalls(records, script)].filter(
    (call) => endpoint.kinds.includes(call.kind) && isWanted(call, query) && (!caller.isListed || isOf(call, caller)),
  );
  const prices = priceTable(script.prices);
  const chargesIn = (start: number, width: number): readonly BookedCharge[] =>
    (script.charges ?? []).filter(({ at }) => at >= start && at < start + width);
  const byBucket = Map.groupBy(calls, ({ atMs }) => Math.floor(atMs / 1000 / query.widthSeconds) * query.widthSeconds);
  const data = query.starts.map((start) => ({
    object: 'bucket',
    start_time: start,
    end_time: start + query.widthSeconds,
    results: [
      ...endpoint.rows(byBucket.get(start) ?? [], query.groupBy, prices),
      ...(endpoint.isBill === true ? chargeRows(chargesIn(start, query.widthSeconds), query.groupBy) : []),
    ],
  }));
  return jsonReply({ object: 'page', data, has_more: query.nextPage !== null, next_page: query.nextPage });
}

function isWanted({ owner, model }: BilledCall, { only }: BooksQuery): boolean {
  const fits = (list: readonly string[], value: string | undefined): boolean =>
    list.length === 0 || (value !== undefined && list.includes(value));
  return fits(only.project_ids, owner?.project) && fits(only.api_key_ids, owner?.apiKeyId) && fits(only.models, model);
}

/** A call from elsewhere was made in whichever organization asks. */
function isOf({ owner }: BilledCall, { organization }: Caller): boolean {
  return owner === null || owner.organization === organization;
}
