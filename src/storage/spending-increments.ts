// What entries of the ledger add to the spending of the gateway that wrote them, for each key and period of its budget.
import type { Period } from '../core/period.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';

/** The latest time there is in the database, and the end of a period that never ends: the year 9999. */
export const endOfTimeMs = Date.UTC(9999, 0);

/** Spending in one period of a key's budget. */
export interface SpendingIncrement {
  readonly key_id: string;
  readonly period_start_ms: number;
  readonly period_end_ms: number;
  readonly nano_usd: number;
}

/** The names of its columns, in the order of the table's. */
export const spendingColumns = [
  'key_id',
  'period_start_ms',
  'period_end_ms',
  'nano_usd',
] as const satisfies readonly (keyof SpendingIncrement)[];

/** What of a ledger entry counts. */
export interface SpendingEntry {
  readonly request: Pick<LedgerRequestRow, 'key_id'>;
  /** Null or absent where no budget paid. */
  readonly period?: Period | null;
  readonly attempts: readonly Pick<
    LedgerAttemptRow,
    'cost_nano_usd' | 'reserved_nano_usd' | 'usage_source' | 'duration_ms'
  >[];
}

/** A period as the database has it. */
export function periodColumns({
  startMs,
  endMs,
}: Period): Pick<SpendingIncrement, 'period_start_ms' | 'period_end_ms'> {
  return { period_start_ms: startMs, period_end_ms: Math.min(endMs, endOfTimeMs) };
}

type Sum = { -readonly [Name in keyof SpendingIncrement]: SpendingIncrement[Name] };

/** Sums entries by key and period; `sign` -1 takes them away. */
export class SpendingIncrements {
  /** The sums of each key: more than one where a period ends. */
  readonly #byKey = new Map<string, Sum[]>();

  add({ request, period, attempts }: SpendingEntry, sign: 1 | -1 = 1): void {
    if (!period || request.key_id === null) return;
    const sum = this.#sum(request.key_id, period);
    for (const attempt of attempts) sum.nano_usd += sign * spentBy(attempt);
  }

  /** The sums that are not 0, in the order of the table's key. */
  list(): SpendingIncrement[] {
    const keys = [...this.#byKey.keys()].sort();
    return keys.flatMap((key) => (this.#byKey.get(key) ?? []).filter((sum) => sum.nano_usd !== 0).sort(byPeriod));
  }

  #sum(keyId: string, period: Period): Sum {
    let sums = this.#byKey.get(keyId);
    if (sums === undefined) this.#byKey.set(keyId, (sums = []));
    const columns = periodColumns(period);
    const known = sums.find(
      (sum) => sum.period_start_ms === columns.period_start_ms && sum.period_end_ms === columns.period_end_ms,
    );
    if (known !== undefined) return known;
    const sum = { key_id: keyId, ...columns, nano_usd: 0 };
    sums.push(sum);
    return sum;
  }
}

function byPeriod(a: Sum, b: Sum): number {
  return a.period_start_ms - b.period_start_ms || a.period_end_ms - b.period_end_ms;
}

/** As the budget counts it, see `readSpending`: what was reserved stands for a cost that nobody knows. */
function spentBy(attempt: SpendingEntry['attempts'][number]): number {
  const { cost_nano_usd: cost, reserved_nano_usd: reserved, usage_source: source, duration_ms: durationMs } = attempt;
  return cost ?? (source !== 'none' || durationMs === null ? (reserved ?? 0) : 0);
}
