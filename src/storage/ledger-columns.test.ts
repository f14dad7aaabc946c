// The values of a row come in the order of its columns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptColumns, attemptValues, requestColumns, requestValues } from './ledger-columns.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';

/** A row that holds in each column the column's own name. */
function namesAsValues<Row>(columns: readonly string[]): Row {
  return Object.fromEntries(columns.map((column) => [column, column])) as Row;
}

test('each value stands where its column does', () => {
  const request = { ...namesAsValues<LedgerRequestRow>(requestColumns), is_stream: true };
  assert.deepEqual(
    requestValues(request),
    requestColumns.map((column) => (column === 'is_stream' ? 1 : column)),
  );
  assert.deepEqual(attemptValues(namesAsValues<LedgerAttemptRow>(attemptColumns)), [...attemptColumns]);
});
