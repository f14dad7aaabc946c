// When a budget begins anew: midnight, Monday's or the first's, by the clocks of its time zone.
import type { Budget } from '../core/client-key.ts';
import type { Period } from '../shared-state/limit-state.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

const always: Period = { startMs: 0, endMs: Infinity };

/** A day of the calendar; `month` counts from 1. */
interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Finds the period of a budget; remembers the one of each kind and zone, so that most answers cost a look into a map. */
export class BudgetPeriods {
  readonly #known = new Map<string, Period>();

  /** The period that `nowMs` lies in, ms since the epoch. Throws a `RangeError` for a time zone that does not exist. */
  at({ period, timeZone }: Pick<Budget, 'period' | 'timeZone'>, nowMs: number): Period {
    if (period === 'none') return always;
    const name = `${period} ${timeZone}`;
    const known = this.#known.get(name);
    if (known !== undefined && known.startMs <= nowMs && nowMs < known.endMs) return known;
    const found = periodAt(period, timeZone, nowMs);
    this.#known.set(name, found);
    return found;
  }
}

function periodAt(period: 'day' | 'week' | 'month', timeZone: string, nowMs: number): Period {
  const zone = new Zone(timeZone);
  const { year, month, day } = zone.dayOf(nowMs);
  if (period === 'month') {
    return { startMs: zone.startOf(year, month, 1), endMs: zone.startOf(year, month + 1, 1) };
  }
  // Sunday is 0; a week begins on Monday (ISO 8601).
  const sinceMonday = period === 'week' ? (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7 : 0;
  const first = day - sinceMonday;
  return {
    startMs: zone.startOf(year, month, first),
    endMs: zone.startOf(year, month, first + (period === 'week' ? 7 : 1)),
  };
}

/** The clocks of a time zone. */
class Zone {
  readonly #format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
      timeZone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    });
  }

  /** The day on the calendar there. */
  dayOf(ms: number): Day {
    const parts = this.#format.formatToParts(ms);
    const read = (type: 'year' | 'month' | 'day'): number => Number(parts.find((part) => part.type === type)?.value);
    return { year: read('year'), month: read('month'), day: read('day') };
  }

  /**
   * The first moment of a day; `month` and `day` may be beyond the calendar's. Where clocks are put forward at
   * midnight that is 1 o'clock; where they are put back over it, the first of two midnights. A day that a zone left out
   * begins with the next one.
   */
  startOf(year: number, month: number, day: number): number {
    const utcMs = Date.UTC(year, month - 1, day);
    // Zones are at most 14 hours from UTC: the day begins between these two.
    let before = utcMs - 15 * hourMs;
    let within = utcMs + 15 * hourMs;
    while (within - before > 1) {
      const middle = Math.floor((before + within) / 2);
      if (dateOf(this.dayOf(middle)) < utcMs) before = middle;
      else within = middle;
    }
    return within;
  }
}

function dateOf({ year, month, day }: Day): number {
  return Math.floor(Date.UTC(year, month - 1, day) / dayMs) * dayMs;
}
