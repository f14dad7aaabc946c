// Tests when budgets begin anew, against the calendar of the runtime.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BudgetPeriods } from './budget-period.ts';

const at = (text: string): number => Date.parse(text);

const examples: readonly (readonly [
  period: 'day' | 'week' | 'month',
  zone: string,
  now: string,
  start: string,
  end: string,
])[] = [
  ['day', 'UTC', '2026-03-29T12:00:00Z', '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z'],
  ['day', 'UTC', '2026-03-29T00:00:00Z', '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z'],
  ['day', 'UTC', '2026-03-29T23:59:59.999Z', '2026-03-29T00:00:00Z', '2026-03-30T00:00:00Z'],
  // Clocks are put forward: the day has 23 hours, the week 167. And back: 25.
  ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['week', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-22T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['month', 'Europe/Berlin', '2026-03-31T22:30:00Z', '2026-03-31T22:00:00Z', '2026-04-30T22:00:00Z'],
  ['month', 'America/New_York', '2026-12-15T00:00:00Z', '2026-12-01T05:00:00Z', '2027-01-01T05:00:00Z'],
  ['day', 'Asia/Kolkata', '2026-06-01T18:29:59Z', '2026-05-31T18:30:00Z', '2026-06-01T18:30:00Z'],
  ['week', 'Pacific/Kiritimati', '2026-05-31T09:59:00Z', '2026-05-24T10:00:00Z', '2026-05-31T10:00:00Z'],
  // Midnight does not exist: the day begins at one o'clock.
  ['day', 'Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
  ['day', 'America/Santiago', '2026-09-06T04:00:00Z', '2026-09-06T04:00:00Z', '2026-09-07T03:00:00Z'],
  ['week', 'America/Santiago', '2026-09-06T03:59:59.999Z', '2026-08-31T04:00:00Z', '2026-09-07T03:00:00Z'],
  // At midnight the clocks go back to eleven: the day before has 25 hours.
  ['day', 'America/Santiago', '2026-04-05T03:30:00Z', '2026-04-04T03:00:00Z', '2026-04-05T04:00:00Z'],
  // In the very hour that comes twice.
  ['day', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  // At one the clocks go back to midnight: the day began with the first of the two.
  ['day', 'America/Havana', '2026-11-01T05:30:00Z', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z'],
  ['month', 'Pacific/Apia', '2028-02-29T11:00:00Z', '2028-02-29T11:00:00Z', '2028-03-31T11:00:00Z'],
  ['month', 'UTC', '2028-02-29T00:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
];

test('a period begins and ends by the clocks of its zone', () => {
  const periods = new BudgetPeriods();
  for (const [period, timeZone, now, start, end] of examples) {
    const found = periods.at({ period, timeZone }, at(now));
    const shown = { start: new Date(found.startMs).toISOString(), end: new Date(found.endMs).toISOString() };
    const wanted = { start: new Date(at(start)).toISOString(), end: new Date(at(end)).toISOString() };
    assert.deepEqual(shown, wanted, `${period} ${timeZone} ${now}`);
  }
  assert.deepEqual(periods.at({ period: 'none', timeZone: 'UTC' }, at('2026-01-01')), { startMs: 0, endMs: Infinity });
  assert.throws(() => periods.at({ period: 'day', timeZone: 'Mars/Olympus' }, 0), RangeError);
});

test(
  'days, weeks and months are those of the calendar, in every zone',
  // Node.js 24 can run the gateway, but has no calendar to compare with.
  { skip: typeof Temporal === 'undefined' ? 'no Temporal' : false },
  () => {
    const zones = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
    const nows = fc.integer({ min: at('2020-01-01'), max: at('2040-01-01') });
    fc.assert(
      fc.property(zones, nows, fc.constantFrom('day', 'week', 'month'), (timeZone, now, period) => {
        const moment = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(timeZone);
        const day = moment.startOfDay();
        const first = {
          day,
          week: day.subtract({ days: day.dayOfWeek - 1 }).startOfDay(),
          month: day.with({ day: 1 }).startOfDay(),
        }[period];
        const next = first.add({ [`${period}s`]: 1 }).startOfDay();
        assert.deepEqual(new BudgetPeriods().at({ period, timeZone }, now), {
          startMs: first.epochMilliseconds,
          endMs: next.epochMilliseconds,
        });
      }),
      { numRuns: 300 },
    );
  },
);

test('every moment lies in the period found for it, and periods follow each other without a gap', () => {
  const periods = new BudgetPeriods();
  const budget = { period: 'day', timeZone: 'America/Santiago' } as const;
  let now = at('2026-01-01T12:00:00Z');
  for (let i = 0; i < 400; i += 1) {
    const { startMs, endMs } = periods.at(budget, now);
    assert.ok(startMs <= now && now < endMs);
    assert.equal(periods.at(budget, endMs - 1).startMs, startMs);
    assert.equal(periods.at(budget, endMs).startMs, endMs);
    now = endMs;
  }
});
