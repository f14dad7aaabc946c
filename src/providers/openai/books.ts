// OpenAI's books: its usage and cost endpoints, how they are asked and read (openai-openapi.yml: UsageResponse, CostsResult).
import type { BookedCost, BookedUsage, Books, BooksList, BooksPage } from '../../core/books.ts';

/** Most days on a page of usage. */
const daysOnPage = 31;
const nanoInUsd = 1e9;

type Members = Readonly<Record<string, unknown>>;

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function membersIn(value: unknown): Members[] {
  return Array.isArray(value) ? value.filter(isMembers) : [];
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function pathOf(path: string, groupBy: string): BooksList['path'] {
  return (fromMs, toMs, page) => {
    const query = new URLSearchParams({
      start_time: String(fromMs / 1000),
      end_time: String(toMs / 1000),
      bucket_width: '1d',
      group_by: groupBy,
      limit: String(daysOnPage),
      ...(page !== null && { page }),
    });
    return `${path}?${query.toString()}`;
  };
}

/** Reads buckets, each result with `readResult`; undefined where the body is no page of them. */
function readPage<Row>(
  body: unknown,
  readResult: (result: Members, dayMs: number) => Row | undefined,
): { readonly rows: Row[]; readonly nextPage: string | null } | undefined {
  if (!isMembers(body) || !Array.isArray(body['data'])) return undefined;
  const rows = membersIn(body['data']).flatMap((bucket) =>
    membersIn(bucket['results']).flatMap((result) => {
      const row = readResult(result, count(bucket['start_time']) * 1000);
      return row === undefined ? [] : [row];
    }),
  );
  const next = body['next_page'];
  return { rows, nextPage: body['has_more'] === true && typeof next === 'string' && next !== '' ? next : null };
}

function readUsage(body: unknown): BooksPage | undefined {
  const page = readPage(body, (result, dayMs): BookedUsage => ({
    dayMs,
    model: typeof result['model'] === 'string' ? result['model'] : '(no model)',
    requests: count(result['num_model_requests']),
    inputTokens: count(result['input_tokens']),
    cachedTokens: count(result['input_cached_tokens']),
    outputTokens: count(result['output_tokens']),
  }));
  return page && { usage: page.rows, costs: [], nextPage: page.nextPage };
}

function readCosts(body: unknown): BooksPage | undefined {
  const page = readPage(body, (result, dayMs): BookedCost | undefined => {
    const amount = isMembers(result['amount']) ? result['amount'] : {};
    // Some answers have the amount as a text.
    const usd = Number(amount['value']);
    const item = typeof result['line_item'] === 'string' ? result['line_item'] : '(no line item)';
    return Number.isFinite(usd) ? { dayMs, model: modelOf(item), nanoUsd: Math.round(usd * nanoInUsd) } : undefined;
  });
  return page && { usage: [], costs: page.rows, nextPage: page.nextPage };
}

/** `gpt-4o-2024-08-06, cached input` is about a model; `Image models` is not, and stands for itself. */
function modelOf(item: string): string {
  return /^(\S+), \S/u.exec(item)?.[1] ?? item;
}

export const books: Books = {
  adminKeyPrefixes: ['sk-admin-'],
  lists: [
    { name: 'usage of completions', path: pathOf('/organization/usage/completions', 'model'), read: readUsage },
    { name: 'usage of embeddings', path: pathOf('/organization/usage/embeddings', 'model'), read: readUsage },
    { name: 'costs', path: pathOf('/organization/costs', 'line_item'), read: readCosts },
  ],
  // Seen in answers: `text-embedding-ada-002-v2`, `gpt-3.5-turbo-instruct:20230824-v2`.
  plainName: (model) => (model.startsWith('ft:') ? model : model.replace(/(?::\d{8})?-v\d+$/u, '')),
};
