// What the writing side of the ledger must do, whatever database is under it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '../../src/lib/id.ts';
import { attemptColumns, requestColumns } from '../../src/storage/ledger-columns.ts';
import type {
  LedgerAttemptRow,
  LedgerEntry,
  LedgerPart,
  LedgerRequestRow,
  LedgerStore,
} from '../../src/storage/ledger-store.ts';
import { StorageError } from '../../src/storage/storage.ts';
import type { LedgerDatabase } from '../support/ledger-databases.ts';

const startMs = Date.UTC(2026, 4, 1);

const usage = {
  prompt_tokens: 100,
  completion_tokens: 10,
  total_tokens: 110,
  cached_tokens: 1,
  cache_write_tokens: 2,
  reasoning_tokens: 3,
  audio_prompt_tokens: 4,
  audio_completion_tokens: 5,
};

function entry(
  n: number,
  request: Partial<LedgerRequestRow> = {},
  attempts: readonly Partial<LedgerAttemptRow>[] = [{}],
): LedgerEntry {
  const id = newId('req', startMs + n);
  return {
    request: {
      id,
      created_at_ms: startMs + n,
      endpoint: 'chat',
      model: 'gpt-4',
      key_id: 'key_1',
      is_stream: true,
      status: 200,
      outcome: 'ok',
      error_code: null,
      usage_source: 'upstream',
      ...usage,
      cost_nano_usd: 12_345,
      queued_ms: 0,
      ttft_ms: 5,
      duration_ms: 10,
      chosen_because: 'most_left',
      body_bytes: 100,
      answer_bytes: 200,
      ...request,
    },
    attempts: attempts.map((attempt, i) => ({
      request_id: id,
      n: i + 1,
      account_id: `acc_${i + 1}`,
      provider_id: 'openai',
      model: 'gpt-4',
      status: 200,
      outcome: 'ok',
      failure: null,
      started_at_ms: startMs + n,
      ttft_ms: 5,
      duration_ms: 10,
      usage_source: 'upstream',
      ...usage,
      raw_usage: '{"prompt_tokens": 100}',
      service_tier: 'default',
      upstream_request_id: 'req-1',
      reserved_nano_usd: 7,
      cost_nano_usd: 12_345,
      price_id: 'list@1',
      ...attempt,
    })),
  };
}

/** The same request before its end was known. */
function unfinished({ request, attempts }: LedgerEntry): LedgerEntry {
  return {
    request: { ...request, outcome: 'unknown', duration_ms: null, cost_nano_usd: null },
    attempts: attempts.map((attempt) => ({ ...attempt, outcome: 'unknown', duration_ms: null, cost_nano_usd: null })),
  };
}

/** The entries as the tables hold them, in order of id. */
async function readAll(database: LedgerDatabase): Promise<LedgerEntry[]> {
  const requests = await database.query(`SELECT ${requestColumns.join(', ')} FROM requests ORDER BY id`);
  const attempts = await database.query(`SELECT ${attemptColumns.join(', ')} FROM attempts ORDER BY request_id, n`);
  return requests.map((row) => ({
    request: { ...row, is_stream: Boolean(row['is_stream']) } as unknown as LedgerRequestRow,
    attempts: attempts
      .filter((attempt) => attempt['request_id'] === row['id'])
      .map((attempt) => ({ ...attempt }) as unknown as LedgerAttemptRow),
  }));
}

/** The sums are always those of the rows. */
async function checkSums(database: LedgerDatabase): Promise<void> {
  const [rows] = await database.query(`SELECT (SELECT count(*) FROM requests) AS requests, count(*) AS attempts,
    coalesce(sum(total_tokens), 0) AS tokens, coalesce(sum(cost_nano_usd), 0) AS cost,
    coalesce(sum(CASE WHEN cost_nano_usd IS NULL THEN total_tokens ELSE 0 END), 0) AS unpriced FROM attempts`);
  const [sums] =
    await database.query(`SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(attempts), 0) AS attempts,
    coalesce(sum(total_tokens), 0) AS tokens, coalesce(sum(cost_nano_usd), 0) AS cost,
    coalesce(sum(unpriced_tokens), 0) AS unpriced FROM usage_quarters`);
  assert.deepEqual({ ...sums }, { ...rows });
}

/** Runs the suite; `open` gives a new, empty database. `skip` is why it cannot run here. */
export function ledgerStoreContract(
  name: string,
  open: () => Promise<LedgerDatabase>,
  skip: string | false = false,
): void {
  const withDatabase = (run: (database: LedgerDatabase) => Promise<void>) => async (): Promise<void> => {
    const database = await open();
    try {
      await run(database);
    } finally {
      await database.close();
    }
  };
  const book = (ledger: LedgerStore, entries: readonly LedgerEntry[], offsetBytes = 1): Promise<void> =>
    ledger.append({ spool: 'spool_a', position: { segment: 0, offsetBytes }, entries });

  describe(`ledger store contract: ${name}`, { skip }, () => {
    it(
      'rows come out as they went in',
      withDatabase(async (database) => {
        const entries = [
          entry(1),
          entry(2, { model: null, key_id: null, is_stream: false, ttft_ms: null, cost_nano_usd: null }, []),
          entry(3, { status: null, outcome: 'upstream_error', error_code: 'upstream_unavailable' }, [
            { cost_nano_usd: null, price_id: null, raw_usage: null, service_tier: null, upstream_request_id: null },
            { model: 'Ünïcode ✓ "quoted" \\ back', cost_nano_usd: Number.MAX_SAFE_INTEGER - 100_000 },
          ]),
        ];
        await book(database.ledger, entries);
        assert.deepEqual(await readAll(database), entries);
        await checkSums(database);
      }),
    );

    it(
      'a batch may come twice and counts once; what was final stays as it is',
      withDatabase(async (database) => {
        const entries = [entry(1), entry(2)];
        await book(database.ledger, entries);
        await book(database.ledger, [...entries, entry(3)]);
        await book(database.ledger, [unfinished(entries[0] as LedgerEntry)]);
        const all = await readAll(database);
        assert.equal(all.length, 3);
        assert.deepEqual(all.slice(0, 2), entries);
        await checkSums(database);
      }),
    );

    it(
      'an entry whose end was unknown is replaced, in another batch and in the same one',
      withDatabase(async (database) => {
        const [a, b, c] = [entry(1, {}, [{}, { model: 'other' }]), entry(2), entry(3)];
        await book(database.ledger, [unfinished(a), unfinished(b), unfinished(b)]);
        assert.deepEqual(await readAll(database), [unfinished(a), unfinished(b)]);
        await checkSums(database);
        await book(database.ledger, [a, unfinished(c), c, unfinished(c)]);
        assert.deepEqual(await readAll(database), [a, unfinished(b), c]);
        await checkSums(database);
      }),
    );

    it(
      'a spool goes on where it was left, and is forgotten at its end',
      withDatabase(async ({ ledger }) => {
        assert.deepEqual(await ledger.position('spool_a'), { segment: 0, offsetBytes: 0 });
        await book(ledger, [entry(1)], 77);
        await ledger.append({ spool: 'spool_b', position: { segment: 3, offsetBytes: 5_000_000_000 }, entries: [] });
        assert.deepEqual(await ledger.position('spool_a'), { segment: 0, offsetBytes: 77 });
        assert.deepEqual(await ledger.position('spool_b'), { segment: 3, offsetBytes: 5_000_000_000 });
        await ledger.forget('spool_a');
        assert.deepEqual(await ledger.position('spool_a'), { segment: 0, offsetBytes: 0 });
      }),
    );

    it(
      'a batch that cannot be written leaves nothing behind, its place included',
      withDatabase(async (database) => {
        const impossible = entry(2, { endpoint: null as unknown as string });
        await assert.rejects(book(database.ledger, [entry(1), impossible], 9), StorageError);
        assert.deepEqual(await readAll(database), []);
        assert.deepEqual(await database.ledger.position('spool_a'), { segment: 0, offsetBytes: 0 });
        await book(database.ledger, [entry(1)], 10);
        assert.equal((await readAll(database)).length, 1);
      }),
    );

    it(
      'what comes behind a batch is in its transaction, up to the place of the last part',
      withDatabase(async (database) => {
        const impossible = entry(2, { endpoint: null as unknown as string });
        const append = (...parts: readonly (readonly LedgerEntry[])[]): Promise<void> => {
          const [first, ...rest] = parts.map((entries, n) => ({
            entries,
            position: { segment: 1, offsetBytes: n },
          }));
          return database.ledger.append({ spool: 'spool_a', ...(first as LedgerPart), more: () => rest.shift() });
        };
        await assert.rejects(append([entry(1)], [impossible]), StorageError);
        assert.deepEqual(await readAll(database), []);
        assert.deepEqual(await database.ledger.position('spool_a'), { segment: 0, offsetBytes: 0 });
        await append([entry(1)], [entry(2), entry(3)], []);
        assert.equal((await readAll(database)).length, 3);
        assert.deepEqual(await database.ledger.position('spool_a'), { segment: 1, offsetBytes: 2 });
        const [sum] = await database.query('SELECT requests FROM usage_quarters');
        assert.equal(Number(sum?.['requests']), 3);
      }),
    );

    it(
      'whatever texts a client or an upstream sends, they hold nothing back',
      withDatabase(async (database) => {
        const text = fc.string({ unit: 'binary', maxLength: 40 });
        const odd = fc.constantFrom(
          '\0',
          '\ud800',
          'a\0b',
          '\\u0000',
          '"',
          "'; DROP TABLE requests; --",
          '{}',
          '\u{1F600}',
        );
        let n = 0;
        await fc.assert(
          fc.asyncProperty(fc.oneof(text, odd), fc.oneof(text, odd), async (model, raw) => {
            n += 1;
            await book(database.ledger, [entry(n, { model, chosen_because: raw }, [{ model: raw, raw_usage: model }])]);
          }),
          { numRuns: 60 },
        );
        assert.equal((await readAll(database)).length, n);
        await checkSums(database);
      }),
    );

    it(
      'several writers at once, on the same sums and partly with the same entries: none lost, none twice, none refused',
      withDatabase(async (database) => {
        const writers = [database.ledger, ...(await Promise.all([1, 2, 3].map(() => database.openAnother())))];
        const models = ['m3', 'm1', 'm2', 'm4'];
        const batches = writers.map((_, w) =>
          Array.from({ length: 15 }, (__, b) =>
            Array.from({ length: 40 }, (___, i) =>
              entry(b * 1000 + i, { model: models[(i * (w + 1)) % 4] as string }, [{ account_id: `acc_${i % 5}` }]),
            ),
          ),
        );
        const shared = batches[0]?.[0] ?? [];
        await Promise.all(
          writers.map(async (ledger, w) => {
            for (const [b, entries] of (batches[w] ?? []).entries()) {
              const more = b % 5 === 0 ? shared.map((item, i) => (i % 2 === w % 2 ? unfinished(item) : item)) : [];
              const position = { segment: 0, offsetBytes: b + 1 };
              await ledger.append({ spool: `spool_${w}`, position, entries: [...more, ...entries] });
            }
          }),
        );
        const [count] = await database.query('SELECT count(*) AS n FROM requests');
        assert.equal(count?.['n'], 4 * 15 * 40);
        await checkSums(database);
        for (const w of writers.keys())
          assert.deepEqual(await database.ledger.position(`spool_${w}`), { segment: 0, offsetBytes: 15 });
      }),
    );
  });
}
