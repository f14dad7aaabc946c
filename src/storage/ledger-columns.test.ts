// The values of a row come in the order of its columns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  attemptColumns,
  attemptValues,
  groupColumns,
  requestColumns,
  requestValues,
  usageValues,
} from './ledger-columns.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';
import { sumColumns, type UsageIncrement } from './usage-increments.ts';

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
  const usage = [...groupColumns, ...sumColumns];
  assert.deepEqual(usageValues(namesAsValues<UsageIncrement>(usage)), usage);
  assert.deepEqual(attemptValues(namesAsValues<LedgerAttemptRow>(attemptColumns)), [...attemptColumns]);
});
