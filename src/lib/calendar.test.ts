// Days and hours of places: their beginnings and names, also where the clocks are changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { localDays, localHours, startOfDay, startOfDayBefore } from './calendar.ts';
import { findTimeZone, type TimeZone } from './time-zone.ts';

function zone(name: string): TimeZone {
  const found = findTimeZone(name);
  assert.ok(found, name);
  return found;
}

const at = (text: string): number => Date.parse(text);
const iso = (ms: number): string => new Date(ms).toISOString();

test('only the names of zones are zones', () => {
  for (const name of ['UTC', 'Asia/Shanghai', 'America/New_York', 'asia/kolkata', 'Pacific/Chatham'])
    assert.equal(findTimeZone(name)?.name, name);
  for (const name of ['', 'Mars/Olympus', 'Europe', 'Europe/Berlin ', '../etc'])
    assert.equal(findTimeZone(name), undefined, name);
});

test('a day begins at midnight, or as soon as the clocks have passed it', () => {
  const rows: [zone: string, date: string, begins: string | undefined][] = [
    ['UTC', '2026-03-29', '2026-03-29T00:00:00.000Z'],
    ['Asia/Shanghai', '2026-03-29', '2026-03-28T16:00:00.000Z'],
    ['Asia/Kolkata', '2026-03-29', '2026-03-28T18:30:00.000Z'],
    ['Asia/Kathmandu', '2026-03-29', '2026-03-28T18:15:00.000Z'],
    ['America/New_York', '2026-03-08', '2026-03-08T05:00:00.000Z'],
    ['America/New_York', '2026-03-09', '2026-03-09T04:00:00.000Z'],
    ['Pacific/Kiritimati', '2026-01-01', '2025-12-31T10:00:00.000Z'],
    ['Pacific/Pago_Pago', '2026-01-01', '2026-01-01T11:00:00.000Z'],
    // At midnight the clocks went on to one.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00:00.000Z'],
    // At midnight they went back to eleven: the day begins at the second midnight.
    ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00:00.000Z'],
    // This day was left out there: what comes next begins then.
    ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z'],
    ['UTC', '2026-02-30', undefined],
    ['UTC', '2026-2-3', undefined],
    ['UTC', '2026-02-03T00:00', undefined],
    ['UTC', '0000-13-01', undefined],
  ];
  for (const [name, date, begins] of rows) {
    const found = startOfDay(zone(name), date);
    assert.equal(found === undefined ? undefined : iso(found), begins, `${name} ${date}`);
  }
});

test('so many days ago', () => {
  const newYork = zone('America/New_York');
  assert.equal(iso(startOfDayBefore(newYork, at('2026-03-10T03:59:00Z'), 0)), '2026-03-09T04:00:00.000Z');
  assert.equal(iso(startOfDayBefore(newYork, at('2026-03-10T03:59:00Z'), 2)), '2026-03-07T05:00:00.000Z');
});

test('days in which the clocks are changed have 23 or 25 hours', () => {
  const lengths = (name: string, from: string, to: string): [string, number][] =>
    [...localDays(zone(name), { fromMs: at(from), toMs: at(to) })].map(({ label, fromMs, toMs }) => [
      label,
      (toMs - fromMs) / 3_600_000,
    ]);
  assert.deepEqual(lengths('Europe/Berlin', '2026-03-27T23:00Z', '2026-03-30T22:00Z'), [
    ['2026-03-28', 24],
    ['2026-03-29', 23],
    ['2026-03-30', 24],
  ]);
  assert.deepEqual(lengths('America/New_York', '2026-10-31T20:00Z', '2026-11-02T06:00Z'), [
    ['2026-10-31', 8],
    ['2026-11-01', 25],
    ['2026-11-02', 1],
  ]);
  assert.deepEqual(lengths('Pacific/Apia', '2011-12-29T10:00Z', '2011-12-31T10:00Z'), [
    ['2011-12-29', 24],
    ['2011-12-31', 24],
  ]);
});

test('the hour that comes twice has two names, the hour that is left out none', () => {
  const names = (place: string, from: string, to: string): string[] =>
    [...localHours(zone(place), { fromMs: at(from), toMs: at(to) })].map(({ label }) => label);
  assert.deepEqual(names('Europe/Berlin', '2026-10-24T23:30Z', '2026-10-25T02:00Z'), [
    '2026-10-25T01:00:00+02:00',
    '2026-10-25T02:00:00+02:00',
    '2026-10-25T02:00:00+01:00',
  ]);
  assert.deepEqual(names('Europe/Berlin', '2026-03-29T00:00Z', '2026-03-29T02:00Z'), [
    '2026-03-29T01:00:00+01:00',
    '2026-03-29T03:00:00+02:00',
  ]);
  assert.deepEqual(names('Asia/Kathmandu', '2026-01-01T00:00Z', '2026-01-01T01:00Z'), [
    '2026-01-01T05:00:00+05:45',
    '2026-01-01T06:00:00+05:45',
  ]);
  // Here half an hour is repeated.
  assert.deepEqual(names('Australia/Lord_Howe', '2026-04-04T14:00Z', '2026-04-04T16:00Z'), [
    '2026-04-05T01:00:00+11:00',
    '2026-04-05T01:00:00+10:30',
    '2026-04-05T02:00:00+10:30',
  ]);
  assert.deepEqual(names('UTC', '2026-01-01T00:00Z', '2026-01-01T01:00Z'), ['2026-01-01T00:00:00Z']);
  assert.deepEqual(names('America/St_Johns', '2026-01-01T03:30Z', '2026-01-01T04:30Z'), ['2026-01-01T00:00:00-03:30']);
});

test('days and hours fill any stretch without gaps, each with a name of its own, as the clocks of Intl show it', () => {
  const places = ['UTC', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Gaza'];
  const start = fc.integer({ min: at('1990-01-01T00:00Z'), max: at('2036-01-01T00:00Z') });
  const length = fc.integer({ min: 1, max: 40 * 86_400_000 });
  fc.assert(
    fc.property(fc.constantFrom(...places), start, length, (place, fromMs, lengthMs) => {
      const toMs = fromMs + lengthMs;
      const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: place, dateStyle: 'short', timeStyle: 'medium' });
      for (const [spans, characters] of [
        [[...localDays(zone(place), { fromMs, toMs })], 10],
        [[...localHours(zone(place), { fromMs, toMs })], 13],
      ] as const) {
        assert.equal(spans[0]?.fromMs, fromMs);
        assert.equal(spans.at(-1)?.toMs, toMs);
        assert.equal(new Set(spans.map(({ label }) => label)).size, spans.length);
        for (const [n, span] of spans.entries()) {
          assert.ok(span.fromMs < span.toMs);
          if (n > 0) assert.equal(span.fromMs, spans[n - 1]?.toMs);
          for (const ms of [span.fromMs, span.toMs - 1])
            assert.equal(clock.format(ms).replace(' ', 'T').slice(0, characters), span.label.slice(0, characters));
        }
      }
    }),
    { numRuns: 60 },
  );
});
