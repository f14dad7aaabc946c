// Increments of sums: each group once, however its account and key are named, and in the order of the table's key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ledgerEntry } from '../../test/support/ledger.ts';
import { SpendingIncrements } from './spending-increments.ts';
import { UsageIncrements } from './usage-increments.ts';

const noon = Date.UTC(2026, 2, 10, 12);
/** Some end alike, so that they have one number. */
const account = fc.constantFrom('acc_1', 'acc_2', 'acc_x_same_end', 'acc_y_same_end');
const key = fc.constantFrom('key_1', 'key_x_same_end', 'key_y_same_end', null);

test('each group has the sums of its own entries, and all come in the order of the table', () => {
  const drawn = fc.array(
    fc.record({ account, key, model: fc.constantFrom('alpha', 'beta'), quarter: fc.nat(1), tokens: fc.nat(9) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(drawn, (list) => {
      const increments = new UsageIncrements();
      const wanted = new Map<string, { requests: number; tokens: number }>();
      for (const { account: accountId, key: keyId, model, quarter, tokens } of list) {
        const atMs = noon + quarter * 900_000;
        increments.add(
          ledgerEntry(atMs, {
            request: { model, key_id: keyId },
            attempts: [{ account_id: accountId, model: 'sent', total_tokens: tokens }],
          }),
        );
        const name = [atMs, model, 'sent', accountId, keyId ?? ''].join(' ');
        const before = wanted.get(name) ?? { requests: 0, tokens: 0 };
        wanted.set(name, { requests: before.requests + 1, tokens: before.tokens + tokens });
      }
      const found = increments
        .list()
        .map((group): [string, { requests: number; tokens: number }] => [
          [group.quarter_ms, group.model, group.upstream_model, group.account_id, group.key_id].join(' '),
          { requests: group.requests, tokens: group.total_tokens },
        ]);
      assert.deepEqual(
        found,
        [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)),
      );
    }),
  );
});

test('a request counts once, where it was served; its attempts count each where they were made', () => {
  const increments = new UsageIncrements();
  const attempts = ['acc_1', 'acc_2', 'acc_1', 'acc_3'].map((id) => ({ account_id: id, total_tokens: 5 }));
  increments.add(ledgerEntry(noon, { attempts }));
  increments.add(ledgerEntry(noon, { attempts: [] }));
  assert.deepEqual(
    increments.list().map((group) => [group.account_id, group.requests, group.attempts, group.total_tokens]),
    [
      ['', 1, 0, 0],
      ['acc_1', 0, 2, 10],
      ['acc_2', 0, 1, 5],
      ['acc_3', 1, 1, 5],
    ],
  );
});

test('a key has a sum for each period, and what was taken away again has none', () => {
  const increments = new SpendingIncrements();
  const january = { startMs: Date.UTC(2026, 0), endMs: Date.UTC(2026, 1) };
  const february = { startMs: Date.UTC(2026, 1), endMs: Infinity };
  const spent = (keyId: string, period: typeof january, cost: number): Parameters<SpendingIncrements['add']>[0] => ({
    ...ledgerEntry(noon, { request: { key_id: keyId }, attempts: [{ cost_nano_usd: cost }] }),
    period,
  });
  increments.add(spent('key_b', february, 1));
  increments.add(spent('key_b', january, 2));
  increments.add(spent('key_a', january, 3));
  increments.add(spent('key_b', january, 4));
  increments.add(spent('key_c', january, 5));
  increments.add(spent('key_c', january, 5), -1);
  assert.deepEqual(
    increments.list().map((sum) => [sum.key_id, sum.period_start_ms, sum.nano_usd]),
    [
      ['key_a', january.startMs, 3],
      ['key_b', january.startMs, 6],
      ['key_b', february.startMs, 1],
    ],
  );
});
