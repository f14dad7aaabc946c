// Tests how books are read page after page, and what goes wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Books } from '../core/books.ts';
import { BooksError, readBooks } from './read-books.ts';

const span = { fromMs: 1000, toMs: 3000 };

/** Books of one list whose pages are lists of days. */
const books: Books = {
  adminKeyPrefixes: [],
  plainName: (model) => model,
  lists: [
    {
      name: 'list',
      path: (fromMs, toMs, page) => `/list?${fromMs}-${toMs}&${page}`,
      read: (json) =>
        json === null
          ? undefined
          : {
              usage: [],
              costs: (json as { days: number[] }).days.map((dayMs) => ({ dayMs, model: 'm', nanoUsd: 1 })),
              nextPage: (json as { next: string | null }).next,
            },
    },
  ],
};

test('every page is asked for, and days outside are left out', async () => {
  const asked: string[] = [];
  const { costs } = await readBooks(books, span, async (path) => {
    asked.push(path);
    return { json: { days: [500 * asked.length, 1000 * asked.length], next: asked.length < 3 ? 'p' : null } };
  });
  assert.deepEqual(asked, ['/list?1000-3000&null', '/list?1000-3000&p', '/list?1000-3000&p']);
  assert.deepEqual(
    costs.map(({ dayMs }) => dayMs),
    [1000, 1000, 2000, 1500],
  );
});

test('what goes wrong is a BooksError that names the list', async () => {
  const rows = [
    [{ problem: 'no.', status: 401 }, 401, /^the list: no\.$/u],
    [{ json: null }, 200, /^the list is not in a form that is known$/u],
    [{ json: { days: [], next: 'p' } }, 200, /more than 1000 pages/u],
  ] as const;
  for (const [answer, status, message] of rows) {
    await assert.rejects(
      readBooks(books, span, async () => answer),
      (error) => error instanceof BooksError && error.status === status && message.test(error.message),
    );
  }
});
