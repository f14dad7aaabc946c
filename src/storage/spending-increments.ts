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
export function periodColumns(period: Period): Pick<SpendingIncrement, 'period_start_ms' | 'period_end_ms'> {
  return { period_start_ms: period.startMs, period_end_ms: storedEnd(period) };
}

function storedEnd({ endMs }: Period): number {
  return Math.min(endMs, endOfTimeMs);
}

type Sum = { -readonly [Name in keyof SpendingIncrement]: SpendingIncrement[Name] };

/** Sums entries by key and period; `sign` -1 takes them away. */
export class SpendingIncrements {
  /**
   * By key; where a period ends, a key's further ones by key and period. No lists: with many keys nearly every entry makes a
   * sum, which lives as long as its transaction.
   */
  readonly #sums = new Map<string, Sum>();

  add({ request, period, attempts }: SpendingEntry, sign: 1 | -1 = 1): void {
    if (!period || request.key_id === null) return;
    const sum = this.#sum(request.key_id, period);
    for (const attempt of attempts) sum.nano_usd += sign * spentBy(attempt);
  }

  /** The sums that are not 0, in the order of the table's key. */
  list(): SpendingIncrement[] {
    return [...this.#sums.values()].filter((sum) => sum.nano_usd !== 0).sort(byKeyAndPeriod);
  }

  #sum(keyId: string, period: Period): Sum {
    const first = this.#sums.get(keyId);
    if (first === undefined) return this.#add(keyId, keyId, period);
    if (first.period_start_ms === period.startMs && first.period_end_ms === storedEnd(period)) return first;
    const name = `${keyId} ${period.startMs} ${storedEnd(period)}`;
    return this.#sums.get(name) ?? this.#add(name, keyId, period);
  }

  #add(name: string, keyId: string, period: Period): Sum {
    const sum = { key_id: keyId, ...periodColumns(period), nano_usd: 0 };
    this.#sums.set(name, sum);
    return sum;
  }
}

function byKeyAndPeriod(a: Sum, b: Sum): number {
  if (a.key_id !== b.key_id) return a.key_id < b.key_id ? -1 : 1;
  return a.period_start_ms - b.period_start_ms || a.period_end_ms - b.period_end_ms;
}

/** As the budget counts it, see `readSpending`: what was reserved stands for a cost that nobody knows. */
function spentBy(attempt: SpendingEntry['attempts'][number]): number {
  const { cost_nano_usd: cost, reserved_nano_usd: reserved, usage_source: source, duration_ms: durationMs } = attempt;
  return cost ?? (source !== 'none' || durationMs === null ? (reserved ?? 0) : 0);
}
