// Tests of the log line of a request: who failed before the one that served stands in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptRecord, requestRecord } from '../../test/support/records.ts';
import { openLog } from './log.ts';
import { logRequest } from './request-log.ts';

async function lineOf(attempts: ReturnType<typeof attemptRecord>[]): Promise<Record<string, unknown>> {
  const pieces: string[] = [];
  const log = openLog('info', 'json', { other: { write: (piece) => pieces.push(piece) } });
  log.release();
  logRequest(log, requestRecord('req_1', 1, { attempts }), undefined);
  await log.flush();
  return JSON.parse(pieces.join('')) as Record<string, unknown>;
}

test('with two attempts the first one’s failure is told, and who served', async () => {
  const failed = attemptRecord(1, { accountId: 'acc_a', failure: 'connection_failed', outcome: 'upstream_error' });
  const served = attemptRecord(2, { accountId: 'acc_b', failure: null, outcome: 'ok' });
  const both = await lineOf([failed, served]);
  assert.deepEqual(
    [both['attempts'], both['failures'], both['account_id']],
    [2, ['acc_a: connection_failed'], 'acc_b'],
  );
  const one = await lineOf([served]);
  assert.deepEqual([one['attempts'], 'failures' in one], [1, false]);
});
