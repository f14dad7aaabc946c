// What pricing the past again must do to the ledger, whatever database is under it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cost, PricedCall, RepriceRange, RepriceReport } from '../../src/core/price.ts';
import { newId } from '../../src/lib/id.ts';
import type { LedgerAttemptRow, LedgerEntry, LedgerRequestRow, LedgerStore } from '../../src/storage/ledger-store.ts';
import type { Storage } from '../../src/storage/storage.ts';

/** A database with both its sides, and a way to look into it. */
export interface RepriceGround {
  readonly storage: Storage;
  readonly ledger: LedgerStore;
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

const startMs = Date.UTC(2026, 4, 1);
const hourMs = 3_600_000;

const usage = {
  prompt_tokens: 100,
  completion_tokens: 10,
  total_tokens: 110,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  audio_prompt_tokens: 0,
  audio_completion_tokens: 0,
};

function attempt(change: Partial<LedgerAttemptRow> = {}): LedgerAttemptRow {
  return {
    request_id: '',
    n: 1,
    account_id: 'acc_1',
    provider_id: 'openai',
    model: 'large',
    status: 200,
    outcome: 'ok',
    failure: null,
    started_at_ms: 0,
    ttft_ms: 1,
    duration_ms: 2,
    usage_source: 'upstream',
    ...usage,
    raw_usage: null,
    service_tier: null,
    upstream_request_id: null,
    reserved_nano_usd: null,
    cost_nano_usd: null,
    price_id: null,
    ...change,
  };
}

/** A request that came `afterMs` after the start, with these attempts. */
function entry(afterMs: number, attempts: LedgerAttemptRow[], change: Partial<LedgerRequestRow> = {}): LedgerEntry {
  const createdAtMs = startMs + afterMs;
  const id = newId('req', createdAtMs);
  const request: LedgerRequestRow = {
    id,
    created_at_ms: createdAtMs,
    endpoint: 'chat',
    model: 'asked-for',
    key_id: null,
    is_stream: false,
    status: 200,
    outcome: 'ok',
    error_code: null,
    usage_source: 'upstream',
    ...usage,
    cost_nano_usd: null,
    queued_ms: 0,
    ttft_ms: 1,
    duration_ms: 2,
    chosen_because: null,
    body_bytes: 1,
    answer_bytes: 1,
    ...change,
  };
  const numbered = attempts.map((row, i) => ({ ...row, request_id: id, n: i + 1, started_at_ms: createdAtMs + i }));
  return { request, attempts: numbered };
}

/** A nano-dollar for each token, times `factor`, for every model but `mystery`. */
function priced(factor: number): (call: PricedCall) => Cost | null {
  return ({ model, usage: used }) =>
    model === 'mystery'
      ? null
      : { nanoUsd: (used.prompt_tokens + used.completion_tokens) * factor, priceId: `price@${factor}` };
}

const always: RepriceRange = { fromMs: startMs, toMs: startMs + 24 * hourMs, model: null };

/** Runs the suite; `open` gives a new, empty database. `skip` is why it cannot run here. */
export function repriceContract(name: string, open: () => Promise<RepriceGround>, skip: string | false = false): void {
  const withGround = (run: (ground: RepriceGround) => Promise<void>) => async (): Promise<void> => {
    const ground = await open();
    try {
      await run(ground);
    } finally {
      await ground.close();
    }
  };
  let segment = 0;
  const book = (ground: RepriceGround, entries: readonly LedgerEntry[]): Promise<void> => {
    segment += 1;
    return ground.ledger.append({ spool: 'spool', position: { segment, offsetBytes: 0 }, entries });
  };
  const reprice = (
    { storage }: RepriceGround,
    factor: number,
    range: Partial<RepriceRange> = {},
    isDryRun = false,
  ): Promise<RepriceReport> => storage.reprice({ ...always, ...range }, priced(factor), { isDryRun });
  const costs = async (ground: RepriceGround, table: 'requests' | 'attempts'): Promise<unknown[]> => {
    const order = table === 'requests' ? 'id' : 'request_id, n';
    return (await ground.query(`SELECT cost_nano_usd FROM ${table} ORDER BY ${order}`)).map(
      (row) => row['cost_nano_usd'],
    );
  };
  /** The sums are always those of the rows. */
  const checkSums = async (ground: RepriceGround): Promise<void> => {
    const [rows] = await ground.query(
      'SELECT coalesce(sum(cost_nano_usd), 0) AS cost, coalesce(sum(CASE WHEN cost_nano_usd IS NULL THEN total_tokens ELSE 0 END), 0) AS unpriced FROM attempts',
    );
    const [sums] = await ground.query(
      'SELECT coalesce(sum(cost_nano_usd), 0) AS cost, coalesce(sum(unpriced_tokens), 0) AS unpriced FROM usage_quarters',
    );
    assert.deepEqual({ ...sums }, { ...rows });
  };

  describe(`reprice contract: ${name}`, { skip }, () => {
    it(
      'what had no price gets one, in attempts, requests and sums',
      withGround(async (ground) => {
        await book(ground, [entry(0, [attempt()]), entry(hourMs, [attempt(), attempt({ account_id: 'acc_2' })])]);
        await checkSums(ground);
        const report = await reprice(ground, 3);
        assert.deepEqual(report, {
          attempts: 3,
          changed: 3,
          unpricedBefore: 330,
          unpricedAfter: 0,
          costBefore: 0n,
          costAfter: 990n,
        });
        assert.deepEqual(await costs(ground, 'attempts'), [330, 330, 330]);
        assert.deepEqual(await costs(ground, 'requests'), [330, 660]);
        assert.deepEqual(
          (await ground.query('SELECT DISTINCT price_id FROM attempts')).map((row) => row['price_id']),
          ['price@3'],
        );
        await checkSums(ground);
        const [sums] = await ground.query(
          'SELECT sum(requests) AS requests, sum(attempts) AS attempts FROM usage_quarters',
        );
        assert.deepEqual({ ...sums }, { requests: 2, attempts: 3 });
      }),
    );

    it(
      'a second time changes nothing, another price changes all, and a lost one makes it unknown again',
      withGround(async (ground) => {
        await book(ground, [entry(0, [attempt()])]);
        await reprice(ground, 3);
        assert.equal((await reprice(ground, 3)).changed, 0);
        assert.deepEqual([(await reprice(ground, 5)).costBefore, (await reprice(ground, 5)).costBefore], [330n, 550n]);
        await checkSums(ground);
        const lost = await ground.storage.reprice(always, () => null, { isDryRun: false });
        assert.deepEqual([lost.changed, lost.unpricedBefore, lost.unpricedAfter], [1, 0, 110]);
        assert.deepEqual([await costs(ground, 'attempts'), await costs(ground, 'requests')], [[null], [null]]);
        await checkSums(ground);
      }),
    );

    it(
      'a dry run tells the same and writes nothing',
      withGround(async (ground) => {
        await book(ground, [entry(0, [attempt()]), entry(1, [attempt({ model: 'mystery' })])]);
        const report = await reprice(ground, 3, {}, true);
        assert.deepEqual([report.attempts, report.changed, report.costAfter, report.unpricedAfter], [2, 1, 330n, 110]);
        assert.deepEqual(await costs(ground, 'attempts'), [null, null]);
        await checkSums(ground);
        assert.deepEqual(await reprice(ground, 3), report);
      }),
    );

    it(
      'only requests of the range and attempts of the model',
      withGround(async (ground) => {
        await book(ground, [
          entry(0, [attempt()]),
          entry(hourMs - 1, [attempt()]),
          entry(hourMs, [attempt()]),
          entry(hourMs + 1, [attempt({ model: 'Small' })]),
          entry(2 * hourMs, [attempt()]),
        ]);
        await reprice(ground, 2, { fromMs: startMs + hourMs, toMs: startMs + 2 * hourMs, model: 'small' });
        assert.deepEqual(await costs(ground, 'attempts'), [null, null, null, 220, null]);
        await reprice(ground, 1, { fromMs: startMs + hourMs, toMs: startMs + 2 * hourMs });
        assert.deepEqual(await costs(ground, 'attempts'), [null, null, 110, 110, null]);
        await checkSums(ground);
      }),
    );

    it(
      'an attempt without usage stays as it is and makes nothing unknown; one without a price does',
      withGround(async (ground) => {
        const none = attempt({ usage_source: 'none', prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 });
        await book(ground, [
          entry(0, [none, attempt()]),
          entry(1, [attempt({ model: 'mystery' }), attempt()]),
          entry(2, [none], { outcome: 'upstream_error' }),
        ]);
        const report = await reprice(ground, 1);
        assert.deepEqual([report.attempts, report.changed], [3, 2]);
        assert.deepEqual(await costs(ground, 'attempts'), [null, 110, null, 110, null]);
        assert.deepEqual(await costs(ground, 'requests'), [110, null, null]);
        await checkSums(ground);
      }),
    );

    it(
      'a request that still runs is left alone',
      withGround(async (ground) => {
        await book(ground, [entry(0, [attempt()], { duration_ms: null, outcome: 'unknown' })]);
        assert.equal((await reprice(ground, 1)).attempts, 0);
        assert.deepEqual(await costs(ground, 'attempts'), [null]);
      }),
    );

    it(
      'the pricer sees what the attempt was',
      withGround(async (ground) => {
        await book(ground, [entry(5, [attempt({ service_tier: 'flex', cached_tokens: 7 })])]);
        const seen: PricedCall[] = [];
        await ground.storage.reprice(always, (call) => (seen.push(call), null), { isDryRun: true });
        const [call] = seen;
        assert.deepEqual(
          [call?.providerId, call?.model, call?.serviceTier, call?.atMs, call?.usage.cached_tokens],
          ['openai', 'large', 'flex', startMs + 5, 7],
        );
      }),
    );

    it(
      'thousands of rows, in many batches',
      withGround(async (ground) => {
        const many = Array.from({ length: 3217 }, (_, n) =>
          entry(n * 100, [attempt({ model: n % 7 === 0 ? 'mystery' : 'large', account_id: `acc_${n % 3}` })]),
        );
        await book(ground, many);
        const report = await reprice(ground, 2);
        assert.deepEqual([report.attempts, report.changed], [3217, 2757]);
        await checkSums(ground);
        const [groups] = await ground.query('SELECT count(*) AS n FROM requests WHERE cost_nano_usd = 220');
        assert.equal(groups?.['n'], 2757);
      }),
    );
  });
}
