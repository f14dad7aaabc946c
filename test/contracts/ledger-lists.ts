// The part of the ledger's reading side that finds requests by several filters at once, with the help of the sums.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RequestFilter } from '../../src/storage/ledger-reports.ts';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import type { LedgerDatabase } from '../support/ledger-databases.ts';
import { ledgerEntry } from '../support/ledger.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const noon = Date.UTC(2026, 2, 10, 12);
const pageSize = 7;

/** Two months of requests, some of them in the same millisecond, and in the first and last moment of a quarter of an hour. */
function twoMonths(): LedgerEntry[] {
  const pick = <Item>(items: readonly Item[], n: number): Item => items[n % items.length] as Item;
  return Array.from({ length: 240 }, (_, n) =>
    ledgerEntry(noon + Math.floor(n / 4) * (dayMs + hourMs) + pick([0, 0, 899_999, 900_000], n), {
      request: {
        model: pick(['alpha', 'alpha', 'beta', null], Math.floor(n / 7)),
        // key_3 asks for beta only, and rarely.
        key_id: n % 28 === 14 ? 'key_3' : pick(['key_1', null, 'key_2'], n),
        outcome: pick(['ok', 'ok', 'timeout'], Math.floor(n / 3)),
      },
      attempts: pick(
        [
          [{ account_id: 'acc_1', model: 'upstream' }],
          [{ account_id: 'acc_1' }, { account_id: 'acc_2' }],
          [],
          [{ account_id: 'acc_2' }, { account_id: 'acc_2' }],
        ],
        Math.floor(n / 2),
      ),
    }),
  );
}

function fits({ request, attempts }: LedgerEntry, filter: RequestFilter): boolean {
  return (
    (filter.model === undefined || request.model === filter.model) &&
    (filter.keyId === undefined || request.key_id === filter.keyId) &&
    (filter.outcome === undefined || request.outcome === filter.outcome) &&
    (filter.fromMs === undefined || request.created_at_ms >= filter.fromMs) &&
    (filter.toMs === undefined || request.created_at_ms < filter.toMs) &&
    (filter.accountId === undefined || attempts.some((attempt) => attempt.account_id === filter.accountId))
  );
}

/** Every combination of at least two of model, account and key, with and without the others. */
function filters(): RequestFilter[] {
  const times = [{}, { fromMs: noon + 10 * dayMs + 1, toMs: noon + 50 * dayMs - 1 }];
  const all = [undefined, 'alpha', 'beta', 'nothing'].flatMap((model) =>
    [undefined, 'key_1', 'key_3'].flatMap((keyId) =>
      [undefined, 'acc_1', 'acc_2'].flatMap((accountId) =>
        ([undefined, 'ok', 'timeout'] as const).flatMap((outcome) =>
          times.map((time) => ({ model, keyId, accountId, outcome, ...time })),
        ),
      ),
    ),
  );
  return all.filter(
    ({ model, keyId, accountId }) => [model, keyId, accountId].filter((value) => value !== undefined).length >= 2,
  );
}

/** Adds the tests; `withLedger` gives each a ledger of its own. */
export function listsContract(
  withLedger: (run: (ledger: LedgerDatabase) => Promise<void>) => () => Promise<void>,
): void {
  it(
    'what several filters fit is found over months, folded or not, deleted or not',
    withLedger(async (ledger) => {
      const entries = twoMonths();
      const append = (some: readonly LedgerEntry[]): Promise<void> =>
        ledger.ledger.append({ spool: 'test', position: { segment: 0, offsetBytes: 1 }, entries: some });
      const asked = filters();
      const check = async (kept: readonly LedgerEntry[], nth: number): Promise<void> => {
        for (const filter of asked.filter((_, n) => n % 7 === nth)) {
          const wanted = kept.filter((entry) => fits(entry, filter)).map(({ request }) => request.id);
          const found: string[] = [];
          for (;;) {
            const page = await ledger.storage.reports.listRequests(filter, pageSize, found.at(-1));
            found.push(...page.map(({ request }) => request.id));
            if (page.length < pageSize) break;
          }
          assert.deepEqual(found, wanted.toSorted().reverse(), JSON.stringify(filter));
        }
      };
      // One comes after its quarter of an hour has been folded.
      const [late, ...early] = entries.toReversed();
      await append(early.slice(0, 120));
      const listing = await ledger.openMaintenance(null);
      await listing.step(noon);
      await listing.close();
      await append(early.slice(120));
      await check(early, 0);
      const folding = await ledger.openMaintenance(null);
      while (await folding.step(noon + 40 * dayMs));
      for (let n = 0; n < 9; n += 1) await folding.step(noon + 100 * dayMs);
      if (late !== undefined) await append([late]);
      await check(entries, 1);
      while (await folding.step(noon + 100 * dayMs));
      await folding.close();
      const deleting = await ledger.openMaintenance(30 * dayMs);
      while (await deleting.step(noon + 50 * dayMs));
      await deleting.close();
      const kept = entries.filter(({ request }) => request.created_at_ms >= noon + 20 * dayMs);
      assert.ok(kept.length < entries.length);
      await check(kept, 2);
    }),
  );
}
