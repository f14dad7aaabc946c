// What every reading side of the ledger must do, beside the writing side and the maintenance that belong to it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../../src/core/record.ts';
import { localDays, localHours } from '../../src/lib/calendar.ts';
import { newId } from '../../src/lib/id.ts';
import { findTimeZone, type Span } from '../../src/lib/time-zone.ts';
import type { LedgerMaintenance } from '../../src/storage/ledger-maintenance.ts';
import {
  DeletedRequestsError,
  usageDimensions,
  type RequestFilter,
  type UsageDimension,
  type UsageQuery,
  type UsageReportRow,
} from '../../src/storage/ledger-reports.ts';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import { quarterMs, sumColumns } from '../../src/storage/usage-increments.ts';
import type { LedgerDatabase } from '../support/ledger-databases.ts';
import { ledgerEntry } from '../support/ledger.ts';
import { listsContract } from './ledger-lists.ts';
import { spendingContract } from './ledger-spending.ts';

const dayMs = 86_400_000;
const noon = Date.UTC(2026, 2, 10, 12);

async function append(ledger: LedgerDatabase, entries: readonly LedgerEntry[]): Promise<void> {
  await ledger.ledger.append({ spool: 'test', position: { segment: 0, offsetBytes: 1 }, entries });
}

async function read(ledger: LedgerDatabase, query: UsageQuery, enough = 1000): Promise<UsageReportRow[]> {
  const rows: UsageReportRow[] = [];
  for await (const some of ledger.storage.reports.usage(query, enough)) rows.push(...some);
  return rows;
}

async function doAll(maintenance: LedgerMaintenance, nowMs: number): Promise<void> {
  while (await maintenance.step(nowMs));
}

type Cut = 'day' | 'hour' | undefined;

interface Asked {
  readonly span: Span;
  readonly zone: string;
  readonly cut: Cut;
  readonly dimensions: readonly UsageDimension[];
}

function queryOf({ span, zone, cut, dimensions }: Asked): UsageQuery {
  const found = findTimeZone(zone);
  assert.ok(found);
  const spans = cut === 'day' ? localDays : localHours;
  return { span, dimensions, ...(cut !== undefined && { buckets: (part: Span) => spans(found, part) }) };
}

/** What the clocks of a place show, to the day or hour, and how far they are ahead: by other means than the code's. */
function clockText(zone: string, cut: Cut): (ms: number) => string {
  if (cut === undefined) return () => '';
  const date = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  const ahead = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  const offset = (ms: number): string | undefined =>
    ahead.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value;
  return (ms) => (cut === 'day' ? date.format(ms).slice(0, 10) : `${date.format(ms).slice(0, 13)} ${offset(ms)}`);
}

/** The sums of entries, group by group, added up one by one. */
function addUp(entries: Iterable<LedgerEntry>, { span, zone, cut, dimensions }: Asked): Map<string, bigint[]> {
  const clock = clockText(zone, cut);
  const groups = new Map<string, bigint[]>();
  for (const { request, attempts } of entries) {
    if (request.created_at_ms < span.fromMs || request.created_at_ms >= span.toMs) continue;
    const tried = attempts.length === 0 ? [undefined] : attempts;
    for (const [i, attempt] of tried.entries()) {
      const values: Record<UsageDimension, string> = {
        model: request.model ?? '',
        upstream_model: attempt?.model ?? '',
        account_id: attempt?.account_id ?? '',
        key_id: request.key_id ?? '',
      };
      const name = [clock(request.created_at_ms), ...dimensions.map((dimension) => values[dimension])].join('|');
      const added = sumColumns.map((column) => {
        if (column === 'requests') return i === tried.length - 1 ? 1 : 0;
        if (column === 'attempts') return attempt === undefined ? 0 : 1;
        if (column === 'unpriced_tokens') return attempt?.cost_nano_usd === null ? attempt.total_tokens : 0;
        return attempt?.[column] ?? 0;
      });
      const before = groups.get(name) ?? added.map(() => 0n);
      groups.set(
        name,
        before.map((sum, n) => sum + BigInt(added[n] ?? 0)),
      ); // prettier
    }
  }
  return groups;
}

function asGroups(rows: readonly UsageReportRow[], { zone, cut }: Asked): Map<string, bigint[]> {
  const clock = clockText(zone, cut);
  const named = rows.map(({ bucketMs, values, sums }): [string, bigint[]] => [
    [clock(bucketMs ?? 0), ...values].join('|'),
    sumColumns.map((column) => BigInt(sums[column])),
  ]);
  assert.equal(new Set(named.map(([name]) => name)).size, named.length, 'a group comes once');
  return new Map(named);
}

const sorted = (groups: Map<string, bigint[]>): [string, bigint[]][] =>
  [...groups].sort(([a], [b]) => (a < b ? -1 : 1));

/** How often the random test runs, and why the suite is left out, if it is. */
export interface ContractOptions {
  readonly runs: number;
  /** Whether several may be at work in one thread; otherwise they take turns. */
  readonly areAtOnce: boolean;
  readonly skip?: string | false;
}

/** Runs the suite; `open` gives a new, empty ledger. */
export function ledgerReportsContract(
  name: string,
  open: () => Promise<LedgerDatabase>,
  { runs, areAtOnce, skip = false }: ContractOptions,
): void {
  const withLedger = (run: (ledger: LedgerDatabase) => Promise<void>) => async (): Promise<void> => {
    const ledger = await open();
    try {
      await run(ledger);
    } finally {
      await ledger.close();
    }
  };

  describe(`ledger reports contract: ${name}`, { skip }, () => {
    it(
      'an entry comes back as it was written',
      withLedger(async (ledger) => {
        const entry = ledgerEntry(noon, {
          request: { is_stream: true, key_id: 'key_1', outcome: 'unknown', duration_ms: null, cost_nano_usd: null },
          attempts: [
            { outcome: 'timeout', status: null },
            { account_id: 'acc_2', raw_usage: '{}' },
          ],
        });
        await append(ledger, [entry, ledgerEntry(noon, { attempts: [] })]);
        const found = await ledger.storage.reports.getRequest(entry.request.id);
        assert.deepEqual(JSON.parse(JSON.stringify(found)), JSON.parse(JSON.stringify(entry)));
        assert.equal(await ledger.storage.reports.getRequest('req_nobody'), undefined);
        const listed = await ledger.storage.reports.listRequests({}, 10);
        assert.deepEqual(listed.map(({ attempts }) => attempts.length).sort(), [0, 2]);
      }),
    );

    it(
      'requests are listed by any filter, the newest first, page by page',
      withLedger(async (ledger) => {
        const outcomes: Outcome[] = ['ok', 'ok', 'ok', 'timeout', 'client_error'];
        const pick = <Item>(items: readonly Item[], n: number): Item => items[n % items.length] as Item;
        const entries = Array.from({ length: 300 }, (_, n) =>
          ledgerEntry(noon + n * 1000, {
            request: {
              model: pick(['alpha', 'beta', null], n),
              key_id: pick(['key_1', null, 'key_2', 'key_3'], n),
              outcome: pick(outcomes, Math.floor(n / 3)),
            },
            attempts: pick(
              [
                [{ account_id: 'acc_1' }],
                [{ account_id: 'acc_1' }, { account_id: 'acc_2' }],
                [],
                [{ account_id: 'acc_2' }, { account_id: 'acc_2' }],
                [{ account_id: 'acc_3' }],
              ],
              Math.floor(n / 2),
            ),
          }),
        );
        await append(ledger, entries);
        const fits = ({ request, attempts }: LedgerEntry, filter: RequestFilter): boolean =>
          (filter.model === undefined || request.model === filter.model) &&
          (filter.keyId === undefined || request.key_id === filter.keyId) &&
          (filter.outcome === undefined || request.outcome === filter.outcome) &&
          (filter.fromMs === undefined || request.created_at_ms >= filter.fromMs) &&
          (filter.toMs === undefined || request.created_at_ms < filter.toMs) &&
          (filter.accountId === undefined || attempts.some((attempt) => attempt.account_id === filter.accountId));
        const choices = {
          model: [undefined, 'alpha', 'beta', 'nothing'],
          keyId: [undefined, 'key_1', 'key_3'],
          outcome: [undefined, 'ok', 'timeout', 'unknown'],
          accountId: [undefined, 'acc_1', 'acc_2', 'nobody'],
          time: [{}, { fromMs: noon + 50_000 }, { fromMs: noon + 7001, toMs: noon + 250_000 }],
        } as const;
        for (const model of choices.model)
          for (const keyId of choices.keyId)
            for (const outcome of choices.outcome)
              for (const accountId of choices.accountId)
                for (const time of choices.time) {
                  const filter: RequestFilter = { model, keyId, outcome, accountId, ...time };
                  const wanted = entries.filter((entry) => fits(entry, filter)).map(({ request }) => request.id);
                  const found: string[] = [];
                  for (;;) {
                    const page = await ledger.storage.reports.listRequests(filter, 64, found.at(-1));
                    found.push(...page.map(({ request }) => request.id));
                    if (page.length < 64) break;
                  }
                  assert.deepEqual(found, wanted.reverse(), JSON.stringify(filter));
                }
      }),
    );

    it(
      'an outcome that becomes known is found under its new name only',
      withLedger(async (ledger) => {
        const unknown = ledgerEntry(noon, { request: { outcome: 'unknown', duration_ms: null } });
        await append(ledger, [unknown]);
        await append(ledger, [{ ...unknown, request: { ...unknown.request, outcome: 'ok', duration_ms: 3 } }]);
        for (const accountId of [undefined, 'acc_1']) {
          const count = async (outcome: Outcome): Promise<number> =>
            (await ledger.storage.reports.listRequests({ outcome, accountId }, 10)).length;
          assert.deepEqual([await count('unknown'), await count('ok')], [0, 1]);
        }
      }),
    );

    it(
      'sums are exact where a number is not',
      withLedger(async (ledger) => {
        const cost = Number.MAX_SAFE_INTEGER;
        for (const n of [1, 2, 3])
          await append(ledger, [ledgerEntry(noon + n, { attempts: [{ cost_nano_usd: cost, prompt_tokens: cost }] })]);
        const [row] = await read(ledger, { span: { fromMs: 0, toMs: noon * 2 }, dimensions: [] });
        assert.deepEqual(
          [row?.sums.cost_nano_usd, row?.sums.prompt_tokens],
          ['27021597764222973', '27021597764222973'],
        );
        assert.equal(row?.sums.requests, '3');
      }),
    );

    it(
      'where nothing is, nothing is answered',
      withLedger(async (ledger) => {
        const query = { span: { fromMs: 0, toMs: noon * 2 }, dimensions: ['model'] } as const;
        assert.deepEqual(await read(ledger, query), []);
        await append(ledger, [ledgerEntry(noon)]);
        assert.deepEqual(await read(ledger, { ...query, span: { fromMs: noon + 1, toMs: noon * 2 } }), []);
        assert.equal((await read(ledger, query)).length, 1);
      }),
    );

    it(
      'sums equal those of the entries: in any zone, stretch and grouping, whatever is folded, replaced, late or priced again',
      withLedger(async (ledger) => {
        const maintenance = await ledger.openMaintenance(null);
        const zones = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe'];
        const lengthMs = 12 * dayMs;
        const offset = fc.integer({ min: 0, max: lengthMs - 1 });
        const made = fc.record({
          offset,
          model: fc.constantFrom('alpha', 'beta', null),
          upstream: fc.constantFrom('alpha', 'gamma'),
          key: fc.constantFrom('key_1', 'key_2', null),
          accounts: fc.array(fc.constantFrom('acc_1', 'acc_2'), { maxLength: 3 }),
          tokens: fc.integer({ min: 0, max: 1000 }),
          cost: fc.constantFrom(null, 0, 7, 1_000_000_007),
          isKnown: fc.boolean(),
        });
        const change = fc.oneof(
          { weight: 4, arbitrary: fc.record({ add: fc.array(made, { maxLength: 30 }) }) },
          { weight: 2, arbitrary: fc.record({ steps: fc.integer({ min: 1, max: 60 }), at: offset }) },
          { weight: 1, arbitrary: fc.record({ finish: fc.boolean() }) },
          { weight: 1, arbitrary: fc.record({ price: fc.constantFrom(null, 3) }) },
        );
        const bound = fc.oneof(
          offset,
          offset.map((ms) => Math.floor(ms / quarterMs) * quarterMs),
          offset.map((ms) => Math.floor(ms / dayMs) * dayMs),
        );
        const asked = fc.record({
          bounds: fc.tuple(bound, bound).filter(([a, b]) => a !== b),
          zone: fc.constantFrom(...zones),
          cut: fc.constantFrom(undefined, 'day' as const, 'hour' as const),
          dimensions: fc.subarray([...usageDimensions]),
          enough: fc.constantFrom(3, 1000),
        });
        let run = 0;
        await fc.assert(
          fc.asyncProperty(
            fc.array(change, { minLength: 1, maxLength: 8 }),
            fc.array(asked, { minLength: 4, maxLength: 4 }),
            async (changes, questions) => {
              // Each run has a spring or autumn of its own, so that all can use one ledger.
              run += 1;
              const startMs = Date.UTC(2000, 0, 1) + (9 + 26 * run) * 7 * dayMs;
              const entries = new Map<string, LedgerEntry>();
              for (const one of changes) {
                if ('add' in one) {
                  const added = one.add.map((made) => {
                    const atMs = startMs + made.offset;
                    const isOver = made.isKnown;
                    return ledgerEntry(atMs, {
                      request: {
                        id: newId('req', atMs),
                        model: made.model,
                        key_id: made.key,
                        outcome: isOver ? 'ok' : 'unknown',
                        duration_ms: isOver ? 5 : null,
                      },
                      attempts: made.accounts.map((account_id, n) => ({
                        account_id,
                        model: made.upstream,
                        started_at_ms: atMs,
                        total_tokens: made.tokens + n,
                        cached_tokens: made.tokens,
                        cost_nano_usd: made.cost,
                      })),
                    });
                  });
                  // The first comes twice, and counts once.
                  await append(ledger, [...added, ...added.slice(0, 1)]);
                  for (const entry of added) entries.set(entry.request.id, entry);
                } else if ('steps' in one) {
                  for (let n = 0; n < one.steps; n += 1) await maintenance.step(startMs + one.at);
                } else if ('finish' in one) {
                  const ended = [...entries.values()]
                    .filter(({ request }) => request.duration_ms === null)
                    .map((entry) => ({
                      request: { ...entry.request, outcome: 'ok' as const, duration_ms: 9 },
                      attempts: entry.attempts.map((attempt) => ({
                        ...attempt,
                        completion_tokens: 77,
                        total_tokens: 99,
                      })),
                    }));
                  await append(ledger, ended);
                  for (const entry of ended) entries.set(entry.request.id, entry);
                } else {
                  const range = { fromMs: startMs, toMs: startMs + lengthMs, model: 'gamma' };
                  const cost = one.price === null ? null : { nanoUsd: one.price, priceId: 'p' };
                  await ledger.storage.reprice(range, () => cost, { isDryRun: false });
                  for (const [id, entry] of entries) {
                    if (entry.request.duration_ms === null) continue;
                    const attempts = entry.attempts.map((attempt) =>
                      attempt.model === 'gamma' ? { ...attempt, cost_nano_usd: one.price } : attempt,
                    );
                    entries.set(id, { ...entry, attempts });
                  }
                }
              }
              for (const { bounds, enough, ...rest } of questions) {
                const span = { fromMs: startMs + Math.min(...bounds), toMs: startMs + Math.max(...bounds) };
                const question = { ...rest, span };
                const rows = await read(ledger, queryOf(question), enough);
                assert.deepEqual(sorted(asGroups(rows, question)), sorted(addUp(entries.values(), question)));
                const after = rows[Math.floor(rows.length / 2)];
                if (after === undefined) continue;
                const later = await read(ledger, { ...queryOf(question), after }, enough);
                assert.deepEqual(later, rows.slice(rows.indexOf(after) + 1), 'after a row come those after it');
              }
            },
          ),
          { numRuns: runs },
        );
        await maintenance.close();
      }),
    );

    it(
      'what is written late while others fold counts once',
      withLedger(async (ledger) => {
        const another = await ledger.openAnother();
        const maintenance = await ledger.openMaintenance(null);
        const late = (n: number): LedgerEntry => ledgerEntry(noon + ((n * 7919) % 200) * quarterMs + n);
        const write = async (store: typeof another, spool: string, first: number): Promise<void> => {
          for (let batch = 0; batch < 20; batch += 1) {
            if (!areAtOnce) await fold(batch * 10, 10);
            const entries = Array.from({ length: 25 }, (_, n) => late(first + batch * 25 + n));
            await store.append({ spool, position: { segment: 0, offsetBytes: batch }, entries });
          }
        };
        const fold = async (from: number, count: number): Promise<void> => {
          for (let n = from; n < from + count; n += 1) await maintenance.step(noon + n * quarterMs);
        };
        if (areAtOnce) {
          await Promise.all([write(ledger.ledger, 'one', 0), write(another, 'two', 500), fold(0, 400)]);
        } else {
          await write(ledger.ledger, 'one', 0);
          await write(another, 'two', 500);
        }
        for (const dimensions of [[], ['model'], ['account_id', 'key_id']] as const) {
          const [row] = await read(ledger, { span: { fromMs: 0, toMs: noon * 2 }, dimensions });
          assert.deepEqual([row?.sums.requests, row?.sums.total_tokens], ['1000', '15000']);
        }
        await maintenance.close();
      }),
    );

    it(
      'requests that are too old are deleted, the sums stay, and what cannot be told any more is refused',
      withLedger(async (ledger) => {
        const entries = Array.from({ length: 2000 }, (_, n) => ledgerEntry(noon + n * 60_000));
        await append(ledger, entries);
        const endMs = noon + 2000 * 60_000;
        const all = { span: { fromMs: 0, toMs: endMs }, dimensions: ['model', 'account_id'] } as const;
        const before = await read(ledger, all);
        const forEver = await ledger.openMaintenance(null);
        await doAll(forEver, endMs + 400 * dayMs);
        await forEver.close();
        assert.equal((await ledger.storage.reports.listRequests({}, 3000)).length, 2000);

        const maintenance = await ledger.openMaintenance(dayMs);
        const cutMs = noon + 1000 * 60_000;
        await doAll(maintenance, cutMs + dayMs);
        await maintenance.close();
        const kept = await ledger.storage.reports.listRequests({}, 3000);
        assert.deepEqual(
          kept.map(({ request }) => request.id),
          entries
            .slice(1000)
            .map(({ request }) => request.id)
            .reverse(),
        );
        assert.equal(await ledger.storage.reports.getRequest(entries[999]?.request.id ?? ''), undefined);
        assert.equal((await ledger.storage.reports.listRequests({ accountId: 'acc_1' }, 3000)).length, 1000);
        assert.deepEqual(await read(ledger, all), before);
        const part = (fromMs: number, toMs: number): Promise<UsageReportRow[]> =>
          read(ledger, { ...all, span: { fromMs, toMs } });
        assert.equal((await part(noon + quarterMs, endMs))[0]?.sums.requests, String(2000 - 15));
        await assert.rejects(
          part(noon + quarterMs + 1, endMs),
          (error) => error instanceof DeletedRequestsError && error.untilMs <= cutMs,
        );
        await assert.rejects(part(noon, noon + quarterMs - 1), DeletedRequestsError);
        assert.equal((await part(cutMs + 60_001, endMs))[0]?.sums.requests, '998');
      }),
    );

    listsContract(withLedger);
    spendingContract(withLedger);

    it(
      'sums attempts by UTC day, account and model, with what may explain a difference',
      withLedger(async (ledger) => {
        const day = Math.floor(noon / dayMs) * dayMs;
        const silent = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost_nano_usd: null } as const;
        const none = { ...silent, usage_source: 'none' } as const;
        await append(ledger, [
          ledgerEntry(noon, { attempts: [{ ...none, status: 500, outcome: 'upstream_error' }, {}] }),
          ledgerEntry(noon, { attempts: [{ cached_tokens: 4, usage_source: 'estimated' }] }),
          ledgerEntry(noon, { attempts: [{ cost_nano_usd: null }] }),
          ledgerEntry(noon, { attempts: [{ ...none, outcome: 'unknown', duration_ms: null, status: null }] }),
          ledgerEntry(noon, { attempts: [none] }),
          ledgerEntry(noon, {
            attempts: [{ ...none, status: null, outcome: 'timeout', failure: 'first_byte_timeout' }],
          }),
          ledgerEntry(noon, { attempts: [{ ...none, status: null, outcome: 'timeout', failure: 'connect_timeout' }] }),
          ledgerEntry(noon, { attempts: [{ account_id: 'acc_2', model: 'beta' }] }),
          // Asked for on one day, tried on the next; and one that is over on the next.
          ledgerEntry(day - 1000, { attempts: [{ started_at_ms: day + 1 }] }),
          ledgerEntry(day + dayMs - 10, { attempts: [{ duration_ms: 10 }] }),
          ledgerEntry(day + dayMs - 10, { attempts: [{ duration_ms: 9 }] }),
        ]);
        const all = await ledger.storage.reports.attemptSums({ fromMs: day - dayMs, toMs: day + 2 * dayMs });
        const alpha = {
          dayMs: day,
          accountId: 'acc_1',
          providerId: 'openai',
          model: 'alpha',
          requests: 6,
          inputTokens: 60,
          cachedTokens: 4,
          outputTokens: 30,
          nanoUsd: 5 * 1500,
          unpriced: 1,
          estimated: 1,
          unknownEnd: 1,
          withoutUsage: 1,
          unanswered: 1,
          overMidnight: 1,
          overMidnightInput: 10,
          overMidnightOutput: 5,
        };
        assert.deepEqual(all[0], alpha);
        assert.deepEqual(
          all.slice(1).map((row) => [row.dayMs, row.accountId, row.model, row.requests]),
          [[day, 'acc_2', 'beta', 1]],
        );
        const maintenance = await ledger.openMaintenance(dayMs);
        await doAll(maintenance, day + 2 * dayMs);
        await maintenance.close();
        await assert.rejects(
          ledger.storage.reports.attemptSums({ fromMs: day, toMs: day + dayMs }),
          DeletedRequestsError,
        );
      }),
    );
  });
}
