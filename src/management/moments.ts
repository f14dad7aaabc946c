// Stretches of time in a query: from a moment or the midnight of a day, to another.
import { GatewayError } from '../core/errors.ts';
import { startOfDay } from '../lib/calendar.ts';
import type { TimeZone } from '../lib/time-zone.ts';

/** ISO 8601 with its offset. In an address that nobody has encoded the `+` of an offset arrives as a space. */
const time = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+ -]\d\d:\d\d)$/u;

/** A moment, ms since the epoch: a time with its offset, or a day, which begins at midnight in the zone. Throws for any other text. */
export function readMoment(text: string, zone: TimeZone, param: string): number {
  const [, day] = time.exec(text) ?? [];
  const startMs = startOfDay(zone, day ?? text);
  // Date.parse would take the 30th of February for a day in March, so the day is read by itself.
  const atMs = day === undefined || startMs === undefined ? startMs : Math.floor(Date.parse(text.replace(' ', '+')));
  if (atMs !== undefined && !Number.isNaN(atMs)) return atMs;
  throw new GatewayError(
    'invalid_request',
    `${param} must be a day such as 2026-01-31, or a time with its offset such as 2026-01-31T12:00:00Z.`,
    { param },
  );
}

/** Throws where the stretch does not go forward. */
export function checkOrder(fromMs: number | undefined, toMs: number | undefined): void {
  if (fromMs === undefined || toMs === undefined || fromMs < toMs) return;
  throw new GatewayError('invalid_request', 'to must be after from.', { param: 'to' });
}
