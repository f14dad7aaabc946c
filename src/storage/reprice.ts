// Prices the past again: walks the ledger batch by batch, and keeps attempts, requests and sums true to each other.
import { setImmediate } from 'node:timers/promises';
import { sql, type Kysely, type RawBuilder } from 'kysely';
import { sumOfCosts, type Cost, type PricedCall, type RepriceRange, type RepriceReport } from '../core/price.ts';
import type { UsageSource } from '../core/usage.ts';
import { idsFrom } from '../lib/id.ts';
import type { Tables } from './columns.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';
import { UsageIncrements, type UsageIncrement } from './usage-increments.ts';

/** A batch holds the write lock for some ten milliseconds. */
const requestsInBatch = 500;

/** An id is made a little before or after its row's own time. */
const idSlackMs = 60_000;

/** Rows that one statement writes: few lengths, so that few statements are prepared. */
const chunkLengths = [100, 10, 1] as const;

const attemptColumns = [
  'request_id',
  'n',
  'account_id',
  'provider_id',
  'model',
  'started_at_ms',
  'usage_source',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'audio_prompt_tokens',
  'audio_completion_tokens',
  'service_tier',
  'cost_nano_usd',
  'price_id',
] as const satisfies readonly (keyof LedgerAttemptRow)[];

type Attempt = Pick<LedgerAttemptRow, (typeof attemptColumns)[number]>;
type Request = Pick<LedgerRequestRow, 'id' | 'created_at_ms' | 'model' | 'key_id' | 'cost_nano_usd'>;

type LedgerTables = Tables & {
  readonly requests: Record<keyof LedgerRequestRow, string | number | null>;
  readonly attempts: Record<keyof LedgerAttemptRow, string | number | null>;
  readonly usage_quarters: UsageIncrement;
};

type Pricer = (call: PricedCall) => Cost | null;

/** See `Storage.reprice`. */
export async function repriceLedger(
  database: Kysely<Tables>,
  range: RepriceRange,
  cost: Pricer,
  { isDryRun, locksRows }: { readonly isDryRun: boolean; readonly locksRows: boolean },
): Promise<RepriceReport> {
  const ledger = database as unknown as Kysely<LedgerTables>;
  const tally = new Tally();
  for (let after = idsFrom('req', range.fromMs - idSlackMs); ;) {
    const begin = after;
    const step = (connection: Kysely<LedgerTables>): Promise<string | undefined> =>
      repriceBatch(connection, { ...range, after: begin }, cost, tally, { isDryRun, locksRows });
    const last = isDryRun ? await step(ledger) : await ledger.transaction().execute(step);
    if (last === undefined) return tally.report();
    after = last;
    // Others who wait for the database, or for this thread, come in between.
    await setImmediate();
  }
}

/** Counts what is priced again. */
class Tally {
  #attempts = 0;
  #changed = 0;
  #unpricedBefore = 0;
  #unpricedAfter = 0;
  #costBefore = 0n;
  #costAfter = 0n;

  add(before: Attempt, after: Attempt): void {
    this.#attempts += 1;
    if (before.cost_nano_usd !== after.cost_nano_usd) this.#changed += 1;
    if (before.cost_nano_usd === null) this.#unpricedBefore += before.total_tokens;
    else this.#costBefore += BigInt(before.cost_nano_usd);
    if (after.cost_nano_usd === null) this.#unpricedAfter += after.total_tokens;
    else this.#costAfter += BigInt(after.cost_nano_usd);
  }

  report(): RepriceReport {
    return {
      attempts: this.#attempts,
      changed: this.#changed,
      unpricedBefore: this.#unpricedBefore,
      unpricedAfter: this.#unpricedAfter,
      costBefore: this.#costBefore,
      costAfter: this.#costAfter,
    };
  }
}

/** Prices one batch; answers the last id in it, or undefined where nothing is left. */
async function repriceBatch(
  database: Kysely<LedgerTables>,
  range: RepriceRange & { readonly after: string },
  cost: Pricer,
  tally: Tally,
  { isDryRun, locksRows }: { readonly isDryRun: boolean; readonly locksRows: boolean },
): Promise<string | undefined> {
  const requests = (await database
    .selectFrom('requests')
    .select(['id', 'created_at_ms', 'model', 'key_id', 'cost_nano_usd'])
    .where('id', '>', range.after)
    .where('id', '<', idsFrom('req', range.toMs + idSlackMs))
    .where('created_at_ms', '>=', Math.ceil(range.fromMs))
    .where('created_at_ms', '<', Math.ceil(range.toMs))
    // The row of a request that still runs will be written anew.
    .where('duration_ms', 'is not', null)
    .orderBy('id')
    .limit(requestsInBatch)
    // Where others can write at the same time, what is priced now is not priced by another call as well.
    .$if(locksRows && !isDryRun, (query) => query.forUpdate())
    .execute()) as Request[];
  const [first, last] = [requests[0], requests.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const attempts = (await database
    .selectFrom('attempts')
    .select(attemptColumns)
    .where('request_id', '>=', first.id)
    .where('request_id', '<=', last.id)
    .orderBy('request_id')
    .orderBy('n')
    .execute()) as Attempt[];
  const repriced = repriceAll(requests, attempts, range.model, cost, tally);
  if (!isDryRun) await write(database, repriced);
  return last.id;
}

interface Repriced {
  readonly attempts: Attempt[];
  readonly requests: Request[];
  readonly increments: readonly UsageIncrement[];
}

/** What is to be written for a batch. */
function repriceAll(
  requests: readonly Request[],
  attempts: readonly Attempt[],
  onlyModel: string | null,
  cost: Pricer,
  tally: Tally,
): Repriced {
  const byRequest = Map.groupBy(attempts, (attempt) => attempt.request_id);
  const increments = new UsageIncrements();
  const changed: Repriced = { attempts: [], requests: [], increments: [] };
  const wanted = onlyModel?.toLowerCase();
  for (const request of requests) {
    const before = byRequest.get(request.id) ?? [];
    const now = before.map((attempt) => {
      if (attempt.usage_source === 'none' || (wanted !== undefined && attempt.model.toLowerCase() !== wanted))
        return attempt;
      const repriced = repriceAttempt(attempt, cost);
      tally.add(attempt, repriced);
      return repriced;
    });
    const differing = now.filter((attempt, n) => isOther(attempt, before[n]));
    if (differing.length === 0) continue;
    changed.attempts.push(...differing);
    changed.requests.push({ ...request, cost_nano_usd: sumOfCosts(now.map(asCost)) });
    increments.add({ request, attempts: before }, -1);
    increments.add({ request, attempts: now });
  }
  return {
    ...changed,
    increments: increments.list().filter((group) => group.cost_nano_usd !== 0 || group.unpriced_tokens !== 0),
  };
}

function isOther(attempt: Attempt, before: Attempt | undefined): boolean {
  return attempt.cost_nano_usd !== before?.cost_nano_usd || attempt.price_id !== before.price_id;
}

function repriceAttempt(attempt: Attempt, cost: Pricer): Attempt {
  const found = cost({
    providerId: attempt.provider_id,
    model: attempt.model,
    serviceTier: attempt.service_tier,
    usage: attempt,
    atMs: attempt.started_at_ms,
  });
  return { ...attempt, cost_nano_usd: found?.nanoUsd ?? null, price_id: found?.priceId ?? null };
}

function asCost(attempt: Attempt): { usageSource: UsageSource; costNanoUsd: number | null } {
  return { usageSource: attempt.usage_source, costNanoUsd: attempt.cost_nano_usd };
}

/** A parameter in a list of values has no type of its own in PostgreSQL. */
function integer(value: number | null): RawBuilder<unknown> {
  return sql`CAST(${value} AS BIGINT)`;
}

async function write(database: Kysely<LedgerTables>, { attempts, requests, increments }: Repriced): Promise<void> {
  for (const chunk of chunksOf(attempts)) {
    const rows = chunk.map(
      (row) => sql`(${row.request_id}, ${integer(row.n)}, ${integer(row.cost_nano_usd)}, ${row.price_id})`,
    );
    await sql`UPDATE attempts SET cost_nano_usd = new.column3, price_id = new.column4
      FROM (VALUES ${sql.join(rows)}) AS new
      WHERE attempts.request_id = new.column1 AND attempts.n = new.column2`.execute(database);
  }
  for (const chunk of chunksOf(requests)) {
    const rows = chunk.map((row) => sql`(${row.id}, ${integer(row.cost_nano_usd)})`);
    await sql`UPDATE requests SET cost_nano_usd = new.column2
      FROM (VALUES ${sql.join(rows)}) AS new WHERE requests.id = new.column1`.execute(database);
  }
  for (const group of increments) {
    await database
      .insertInto('usage_quarters')
      .values(group)
      .onConflict((conflict) =>
        conflict.columns(['quarter_ms', 'model', 'upstream_model', 'account_id', 'key_id']).doUpdateSet((row) => ({
          cost_nano_usd: row('usage_quarters.cost_nano_usd', '+', row.ref('excluded.cost_nano_usd')),
          unpriced_tokens: row('usage_quarters.unpriced_tokens', '+', row.ref('excluded.unpriced_tokens')),
        })),
      )
      .execute();
  }
}

/** A list in pieces of a few lengths. */
function chunksOf<Item>(items: readonly Item[]): Item[][] {
  const chunks: Item[][] = [];
  for (let at = 0; at < items.length;) {
    const length = chunkLengths.find((size) => size <= items.length - at) ?? 1;
    chunks.push(items.slice(at, at + length));
    at += length;
  }
  return chunks;
}
