// Which form of an answer a client prefers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefersCsv } from './media-type.ts';

test('CSV only where it is wanted more than JSON', () => {
  const rows: [accept: string | undefined, isCsv: boolean][] = [
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['application/json', false],
    ['text/csv', true],
    ['TEXT/CSV; header=present', true],
    ['text/*', true],
    ['text/csv, application/json', false],
    ['text/csv, application/json;q=0.9', true],
    ['text/csv;q=0.5, */*;q=0.1', true],
    ['text/csv;q=0, */*', false],
    ['text/csv;q=nonsense', false],
    ['text/html,application/xhtml+xml,*/*;q=0.8', false],
  ];
  for (const [accept, isCsv] of rows) assert.equal(prefersCsv(accept), isCsv, String(accept));
});
