// When a budget begins anew: midnight, Monday's or the first's, by the clocks of its time zone.
import type { Budget } from '../core/client-key.ts';
import type { Period } from '../core/period.ts';
import { startOfDay } from '../lib/calendar.ts';
import { findTimeZone } from '../lib/time-zone.ts';

const always: Period = { startMs: 0, endMs: Infinity };

/** Finds the period of a budget; remembers the one of each kind and zone, so that most answers cost a look into a map. */
export class BudgetPeriods {
  readonly #known = new Map<string, Period>();

  /** The period that `nowMs` lies in, ms since the epoch. Throws a `RangeError` for a time zone that does not exist. */
  at({ period, timeZone }: Pick<Budget, 'period' | 'timeZone'>, nowMs: number): Period {
    if (period === 'none') return always;
    const name = `${period} ${timeZone}`;
    const known = this.#known.get(name);
    if (known !== undefined && known.startMs <= nowMs && nowMs < known.endMs) return known;
    const found = periodAt(period, timeZone, Math.floor(nowMs));
    this.#known.set(name, found);
    return found;
  }
}

function periodAt(period: 'day' | 'week' | 'month', timeZone: string, nowMs: number): Period {
  const zone = findTimeZone(timeZone);
  if (zone === undefined) throw new RangeError(`there is no time zone "${timeZone}"`);
  const [piece] = zone.pieces({ fromMs: nowMs, toMs: nowMs + 1 });
  const local = new Date(nowMs + (piece?.offsetMs ?? 0));
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
  /** The first moment of a day there; month and day may be beyond the calendar's. */
  const start = (inMonth: number, onDay: number): number => {
    const date = new Date(Date.UTC(year, inMonth, onDay)).toISOString().slice(0, 10);
    return startOfDay(zone, date) ?? Number.NaN;
  };
  if (period === 'month') return { startMs: start(month, 1), endMs: start(month + 1, 1) };
  // Sunday is 0; a week begins on Monday (ISO 8601).
  const first = period === 'week' ? day - ((local.getUTCDay() + 6) % 7) : day;
  return { startMs: start(month, first), endMs: start(month, first + (period === 'week' ? 7 : 1)) };
}
