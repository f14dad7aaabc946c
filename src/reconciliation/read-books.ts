// Reads a provider's books for some days: every list, page after page.
import type { BookedCost, BookedUsage, Books } from '../core/books.ts';
import type { Span } from '../lib/time-zone.ts';

/** What one question to the provider brought: its JSON, or one sentence without secrets about what went wrong. */
export type BooksAnswer =
  | { readonly json: unknown }
  | {
      readonly problem: string;
      /** The upstream's HTTP status; null where no answer came. */
      readonly status: number | null;
    };

/** The books could not be read; the message has no secret. */
export class BooksError extends Error {
  override readonly name = 'BooksError';
  /** The upstream's HTTP status; null where no answer came. */
  readonly status: number | null;

  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

/** No list has so many pages: a book that leads on for ever is not read for ever. */
const mostPages = 1000;

/** Everything that the books have on these days. `ask` gets a path below the provider's own. Rejects with a `BooksError`. */
export async function readBooks(
  books: Books,
  { fromMs, toMs }: Span,
  ask: (path: string) => Promise<BooksAnswer>,
): Promise<{ readonly usage: readonly BookedUsage[]; readonly costs: readonly BookedCost[] }> {
  const usage: BookedUsage[] = [];
  const costs: BookedCost[] = [];
  for (const list of books.lists) {
    let page: string | null = null;
    for (let n = 0; n === 0 || page !== null; n += 1) {
      if (n === mostPages) throw new BooksError(`the ${list.name} has more than ${mostPages} pages`, 200);
      const answer = await ask(list.path(fromMs, toMs, page));
      if ('problem' in answer) throw new BooksError(`the ${list.name}: ${answer.problem}`, answer.status);
      const read = list.read(answer.json);
      if (read === undefined) throw new BooksError(`the ${list.name} is not in a form that is known`, 200);
      usage.push(...read.usage);
      costs.push(...read.costs);
      page = read.nextPage;
    }
  }
  const isWithin = (row: { readonly dayMs: number }): boolean => row.dayMs >= fromMs && row.dayMs < toMs;
  return { usage: usage.filter(isWithin), costs: costs.filter(isWithin) };
}
