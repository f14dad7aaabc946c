// The query of OpenAI's usage and cost endpoints, and the pages of time buckets that answer it (OpenAPI: usage-completions, usage-costs).
import { badField } from '../refusals.ts';
import type { Reply } from '../reply.ts';

/** One endpoint's own limits. */
export interface BucketRules {
  /** Bucket width → how many buckets a page has by default, and at most. */
  readonly widths: Readonly<Record<string, { readonly byDefault: number; readonly most: number }>>;
  readonly groupings: readonly string[];
}

/** What was asked for. Times in seconds. */
export interface BooksQuery {
  /** Starts of the buckets on this page, in order. */
  readonly starts: readonly number[];
  readonly widthSeconds: number;
  readonly nextPage: string | null;
  readonly groupBy: ReadonlySet<string>;
  /** Parameter → the only values that count. */
  readonly only: Readonly<Record<'project_ids' | 'api_key_ids' | 'models', readonly string[]>>;
}

const WIDTH_SECONDS: Readonly<Record<string, number>> = { '1m': 60, '1h': 3600, '1d': 86_400 };
const PAGE_PREFIX = 'page_';

/** Reads a query, or says what is wrong with it as OpenAI's 400 does. */
export function readQuery(search: URLSearchParams, rules: BucketRules, nowMs: number): BooksQuery | Reply {
  const width = search.get('bucket_width') ?? '1d';
  const limits = Object.hasOwn(rules.widths, width) ? rules.widths[width] : undefined;
  if (limits === undefined) return badField('bucket_width', `Invalid value: '${width}'.`, 'invalid_value');
  const widthSeconds = WIDTH_SECONDS[width] ?? 86_400;
  const start = secondsOf(search.get('start_time'));
  if (start === undefined) return badField('start_time', "Missing required parameter: 'start_time'.");
  const end = secondsOf(search.get('end_time')) ?? Math.ceil(nowMs / 1000);
  const limit = Number(search.get('limit') ?? limits.byDefault);
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.most)
    return badField('limit', `Invalid 'limit': it must be between 1 and ${limits.most}.`, 'integer_out_of_range');
  const groupBy = listOf(search, 'group_by');
  const unknown = groupBy.find((name) => !rules.groupings.includes(name));
  if (unknown !== undefined) return badField('group_by', `Invalid value: '${unknown}'.`, 'invalid_value');

  const page = search.get('page');
  const first = page === null ? start : readPage(page);
  if (first === undefined) return badField('page', 'Invalid page token.');
  const starts: number[] = [];
  let at = Math.floor(first / widthSeconds) * widthSeconds;
  for (; at < end && starts.length < limit; at += widthSeconds) starts.push(at);
  return {
    starts,
    widthSeconds,
    nextPage: at < end ? PAGE_PREFIX + Buffer.from(String(at)).toString('base64url') : null,
    groupBy: new Set(groupBy),
    only: {
      project_ids: listOf(search, 'project_ids'),
      api_key_ids: listOf(search, 'api_key_ids'),
      models: listOf(search, 'models'),
    },
  };
}

function secondsOf(text: string | null): number | undefined {
  return text !== null && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** The official SDKs write `name[]=`, others repeat `name=`. */
function listOf(search: URLSearchParams, name: string): string[] {
  return [...search.getAll(name), ...search.getAll(`${name}[]`)];
}

function readPage(page: string): number | undefined {
  if (!page.startsWith(PAGE_PREFIX)) return undefined;
  return secondsOf(Buffer.from(page.slice(PAGE_PREFIX.length), 'base64url').toString());
}
