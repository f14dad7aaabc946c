// Moments in a query: days of a zone, times with an offset, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import { findTimeZone, type TimeZone } from '../lib/time-zone.ts';
import { readMoment } from './moments.ts';

test('a day begins at midnight in the zone, a time says its own offset', () => {
  const kolkata = findTimeZone('Asia/Kolkata') as TimeZone;
  const rows: [text: string, read: string][] = [
    ['2026-01-31', '2026-01-30T18:30:00.000Z'],
    ['2026-01-31T12:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00.1234Z', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31T12:00:00+08:00', '2026-01-31T04:00:00.000Z'],
    ['2026-01-31T12:00:00 08:00', '2026-01-31T04:00:00.000Z'],
    ['2026-01-31T12:00:00-08:00', '2026-01-31T20:00:00.000Z'],
    ['1970-01-01T12:00Z', '1970-01-01T12:00:00.000Z'],
  ];
  for (const [text, read] of rows) assert.equal(new Date(readMoment(text, kolkata, 'from')).toISOString(), read, text);
  const bad = ['', 'yesterday', '2026', '2026-1-1', '2026-02-30', '2026-02-30T00:00Z', '2026-01-31T25:00Z'];
  for (const text of [...bad, '2026-01-31T12:00:00', '1769860800', '2026-01-31T12:00:00+99:00', ' 2026-01-31']) {
    assert.throws(
      () => readMoment(text, kolkata, 'from'),
      (error) => error instanceof GatewayError && error.param === 'from',
      text,
    );
  }
});
