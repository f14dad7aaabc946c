// The part of the ledger's reading side that budgets stand on: what a client key has spent since a moment.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import type { LedgerDatabase } from '../support/ledger-databases.ts';
import { ledgerEntry, type EntryChange } from '../support/ledger.ts';

const dayMs = 86_400_000;
const noon = Date.UTC(2026, 2, 10, 12);

/** A request of `key_1` with attempts. */
function entry(
  atMs: number,
  attempts: EntryChange['attempts'] = [{}],
  request: EntryChange['request'] = {},
): LedgerEntry {
  return ledgerEntry(atMs, { request: { key_id: 'key_1', ...request }, attempts });
}

/** Adds the tests; `withLedger` gives each a ledger of its own. */
export function spendingContract(
  withLedger: (run: (ledger: LedgerDatabase) => Promise<void>) => () => Promise<void>,
): void {
  const append = (ledger: LedgerDatabase, entries: readonly LedgerEntry[]): Promise<void> =>
    ledger.ledger.append({ spool: 'test', position: { segment: 0, offsetBytes: 1 }, entries });

  it(
    'sums what a key has spent since a moment, folded or not, deleted or not',
    withLedger(async (ledger) => {
      const at = (days: number): number => noon - days * dayMs;
      const entries = [0, 1, 2, 40, 41].map((days) => entry(at(days), [{ cost_nano_usd: 10 ** Math.min(days, 9) }]));
      await append(ledger, [...entries, ledgerEntry(noon), entry(noon, [{}], { key_id: 'key_2' })]);
      // The clock tells fractions of a millisecond.
      const spent = async (fromMs: number): Promise<number> =>
        (await ledger.storage.reports.spending(['key_1'], fromMs, noon + 0.4182)).get('key_1') ?? 0;
      const check = async (): Promise<void> => {
        assert.equal(await spent(noon), 1);
        assert.equal(await spent(noon + 900_000), 0);
        assert.equal(await spent(at(1)), 11);
        assert.equal(await spent(at(2) - 3_600_000), 111);
        assert.equal(await spent(0), 2_000_000_111);
        assert.equal((await ledger.storage.reports.spending(['key_3'], 0, noon)).size, 0);
        assert.deepEqual(
          await ledger.storage.reports.spending(['key_3', 'key_2', 'key_1'], at(1), noon),
          new Map([
            ['key_1', 11],
            ['key_2', 1500],
          ]),
        );
      };
      await check();
      const maintenance = await ledger.openMaintenance(30 * dayMs);
      while (await maintenance.step(noon + dayMs));
      await maintenance.close();
      await check();
    }),
  );

  it(
    'counts attempts whose cost nobody knows with what was reserved for them',
    withLedger(async (ledger) => {
      const open = { duration_ms: null, outcome: 'unknown', cost_nano_usd: null, usage_source: 'none' } as const;
      const unpriced = { cost_nano_usd: null, reserved_nano_usd: 2 } as const;
      await append(ledger, [
        // Left behind, with an attempt before it that had failed.
        entry(
          noon,
          [
            { cost_nano_usd: null, usage_source: 'none', reserved_nano_usd: 100_000 },
            { ...open, reserved_nano_usd: 7 },
          ],
          { duration_ms: null, outcome: 'unknown' },
        ),
        // Running at this moment.
        entry(noon + 1000, [{ ...open, reserved_nano_usd: 10_000 }], { duration_ms: null, outcome: 'unknown' }),
        entry(noon + 5, [unpriced]),
        entry(noon + 5, [unpriced], { key_id: 'key_2' }),
        entry(noon - dayMs, [unpriced]),
        entry(noon + 6, [{ cost_nano_usd: null, usage_source: 'none', status: 500, reserved_nano_usd: 50 }]),
        entry(noon + 7, [{ cost_nano_usd: 3, reserved_nano_usd: 900 }]),
      ]);
      assert.deepEqual(
        await ledger.storage.reports.spending(['key_1', 'key_2'], noon, noon + 1000),
        new Map([
          ['key_1', 7 + 2 + 3],
          ['key_2', 2],
        ]),
      );
      assert.deepEqual(
        await ledger.storage.reports.spending(['key_1', 'key_2'], 0, noon + 1000),
        new Map([
          ['key_1', 7 + 2 + 2 + 3],
          ['key_2', 2],
        ]),
      );
      assert.deepEqual(
        await ledger.storage.reports.spending(['key_1', 'key_2'], noon, noon + 1001),
        new Map([
          ['key_1', 10_000 + 7 + 2 + 3],
          ['key_2', 2],
        ]),
      );
    }),
  );

  it(
    'knows what a gateway has spent of each budget once its spool is taken over to its end, and not before',
    withLedger(async (database) => {
      const { ledger, storage } = database;
      const today = { startMs: noon - dayMs / 2, endMs: noon + dayMs / 2 };
      const always = { startMs: 0, endMs: Infinity };
      const spent = (spool: string, period = today, key = 'key_1'): Promise<number | undefined> =>
        storage.reports.spendingOfSpool(spool, key, period);
      const open = { duration_ms: null, outcome: 'unknown', cost_nano_usd: null, usage_source: 'none' } as const;
      const running = entry(noon, [{ ...open, reserved_nano_usd: 500 }], { duration_ms: null, outcome: 'unknown' });
      const ended = {
        ...running,
        request: { ...running.request, duration_ms: 9, outcome: 'ok' as const },
        attempts: running.attempts.map((attempt) => ({ ...attempt, duration_ms: 9, cost_nano_usd: 20 })),
      };
      const lost = entry(noon, [{ ...open, reserved_nano_usd: 3000 }], { duration_ms: null, outcome: 'unknown' });
      const unpriced = entry(noon, [{ cost_nano_usd: null, reserved_nano_usd: 40_000 }]);
      const free = entry(noon, [{ cost_nano_usd: null, usage_source: 'none', reserved_nano_usd: 7 }]);
      const paid = (one: LedgerEntry): LedgerEntry => ({ ...one, period: today });
      const batch = (spool: string, entries: readonly LedgerEntry[]): Promise<void> =>
        ledger.append({ spool, position: { segment: 1, offsetBytes: 1 }, entries });
      await batch('spool_a', [paid(running), paid(lost)]);
      await batch('spool_a', [paid(ended), paid(unpriced), paid(free), entry(noon, [{ cost_nano_usd: 1e9 }])]);
      // A batch may come twice.
      await batch('spool_a', [paid(ended), paid(unpriced)]);
      await batch('spool_a', [{ ...entry(noon, [{ cost_nano_usd: 8 }]), period: always }]);
      await batch('spool_b', [paid(entry(noon, [{ cost_nano_usd: 6 }]))]);
      assert.equal(await spent('spool_a'), undefined);
      await ledger.conclude('spool_a', noon);
      assert.equal(await spent('spool_a'), 43_020);
      assert.equal(await spent('spool_a', always), 8);
      assert.equal(await spent('spool_a', today, 'key_2'), 0);
      assert.equal(await spent('spool_b'), undefined);
      assert.equal(await spent('spool_c'), undefined);
      await ledger.conclude('spool_c', noon);
      assert.equal(await spent('spool_c'), 0);
      const maintenance = await database.openMaintenance(null);
      // The clock tells fractions of a millisecond.
      while (await maintenance.step(noon + 2 * dayMs + 0.4182));
      assert.deepEqual([await spent('spool_a'), await spent('spool_a', always)], [0, 8]);
      while (await maintenance.step(noon + 36 * dayMs + 0.4182));
      await maintenance.close();
      assert.deepEqual([await spent('spool_a', always), await spent('spool_c')], [undefined, undefined]);
    }),
  );
}
