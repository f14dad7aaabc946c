// The ledger beside the upstream's own journal, and the counters beside the ledger.
import { setTimeout as sleep } from 'node:timers/promises';
import { runSql } from '../../test/support/postgres.ts';
import { price, type SharedGround } from './shared-ground.ts';

/** After the last request a gateway tells what was spent within seven seconds, and one that is away is told of within thirty. */
const patienceMs = 60_000;
const askEveryMs = 500;

/** What was found. */
export interface Truth {
  /** What the upstream has served, as far as its journal reaches back. */
  readonly served: number;
  /** Of that, what has no row. */
  readonly missing: number;
  /** Rows of one and the same answer, less one. */
  readonly twice: number;
  /** Sums by quarter that are not those of their rows: requests, then nano-dollars. */
  readonly sumsOff: readonly [requests: number, nanoUsd: number];
  /** What Redis says that the budgeted key has spent, less what the ledger says; null where Redis says nothing. */
  readonly counterOff: number | null;
  /** What one request costs; all have the same body. */
  readonly eachNanoUsd: number;
  /** What the ledger says that all cost, less what the journal's tokens cost; null where the journal does not reach back to the first. */
  readonly costOff: number | null;
  /** Attempts on record less requests that the upstream has had. */
  readonly rowsOff: number;
  /** From the first look to the one that found all well. */
  readonly afterMs: number;
}

interface JournalEntry {
  readonly request_id: string;
  readonly status: number;
  readonly path: string;
  readonly prompt_tokens: number;
  readonly completion_tokens_sent: number;
}

/** Whose counter is looked at, and by the cost of how many requests it may say too much. */
export interface Counter {
  readonly keyId: string;
  readonly mayBeOver: number;
}

/** Looks until all is well, a minute at most; no request may be under way. */
export async function readTruth(ground: SharedGround, counter?: Counter): Promise<Truth> {
  const journal = (await (await fetch(`${ground.upstream}/__journal`)).json()) as {
    requests: number;
    entries: readonly JournalEntry[];
  };
  const { requests, entries } = journal;
  const served = entries.filter(({ path, status }) => path === '/v1/chat/completions' && status === 200);
  const beganAtMs = performance.now();
  for (;;) {
    const afterMs = performance.now() - beganAtMs;
    const truth = {
      ...(await look(ground, { requests, isWhole: requests === entries.length, served }, counter?.keyId)),
      afterMs,
    };
    if (isTrue(truth, counter?.mayBeOver) || afterMs > patienceMs) return truth;
    await sleep(askEveryMs);
  }
}

/** Whether nothing is missing, nothing is there twice, and all sums agree. */
export function isTrue(truth: Truth, mayBeOver: number = 0): boolean {
  const { missing, twice, sumsOff, counterOff, costOff, rowsOff, eachNanoUsd } = truth;
  const isCounted = counterOff === null || (counterOff >= 0 && counterOff <= mayBeOver * eachNanoUsd);
  return isCounted && [missing, twice, ...sumsOff, costOff ?? 0, rowsOff].every((off) => off === 0);
}

async function look(
  ground: SharedGround,
  {
    requests,
    isWhole,
    served,
  }: { readonly requests: number; readonly isWhole: boolean; readonly served: readonly JournalEntry[] },
  budgetedKeyId: string | undefined,
): Promise<Omit<Truth, 'afterMs'>> {
  const rows = await runSql(ground.databaseUrl, 'SELECT upstream_request_id AS id FROM attempts');
  const ids = rows.map(({ id }) => id as string | null).filter((id) => id !== null);
  const known = new Set(ids);
  const [sums] = await runSql(
    ground.databaseUrl,
    `SELECT (SELECT COALESCE(sum(requests), 0) FROM usage_quarters) - (SELECT count(*) FROM requests) AS requests,
      (SELECT COALESCE(sum(cost_nano_usd), 0) FROM usage_quarters) - (SELECT COALESCE(sum(cost_nano_usd), 0) FROM requests) AS cost,
      (SELECT COALESCE(sum(cost_nano_usd), 0) FROM requests) AS all_cost`,
  );
  const charged = served.reduce(
    (sum, one) => sum + one.prompt_tokens * price.promptNanoUsd + one.completion_tokens_sent * price.completionNanoUsd,
    0,
  );
  return {
    served: served.length,
    missing: served.filter(({ request_id: id }) => !known.has(id)).length,
    twice: ids.length - known.size,
    sumsOff: [Number(sums?.['requests']), Number(sums?.['cost'])],
    counterOff: budgetedKeyId === undefined ? null : await counterOff(ground, budgetedKeyId),
    eachNanoUsd: charged / Math.max(served.length, 1),
    costOff: isWhole ? Number(sums?.['all_cost']) - charged : null,
    rowsOff: rows.length - requests,
  };
}

async function counterOff({ redis, databaseUrl }: SharedGround, keyId: string): Promise<number | null> {
  const [name] = (await redis.command('KEYS', `aigateway:{${keyId}}:money:*`)) as readonly string[];
  if (name === undefined) return null;
  const spent = await redis.command('HGET', name, 'spent');
  const [row] = await runSql(
    databaseUrl,
    `SELECT COALESCE(sum(cost_nano_usd), 0) AS cost FROM requests WHERE key_id = '${keyId}'`,
  );
  return Number(spent) - Number(row?.['cost']);
}
