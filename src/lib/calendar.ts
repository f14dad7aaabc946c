// Days and hours as a place's clocks show them, as stretches of time.
import type { Span, TimeZone, ZonePiece } from './time-zone.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** No day is longer, whatever is done to the clocks in it. */
const longestDayMs = 2 * dayMs;

/** A local day or hour, or what of it lies in the stretch that was asked for. */
export interface CalendarSpan extends Span {
  /** A day: `2026-03-29`. An hour: `2026-03-29T01:00:00+01:00`, so that an hour that comes twice has two names. */
  readonly label: string;
}

/** The local days of a stretch, in order and without gaps. */
export function* localDays(zone: TimeZone, span: Span): Generator<CalendarSpan> {
  const pieces = zone.pieces({ fromMs: span.fromMs, toMs: span.toMs + longestDayMs });
  for (let { fromMs } = span; fromMs < span.toMs;) {
    const day = Math.floor((fromMs + offsetAt(pieces, fromMs)) / dayMs);
    const toMs = Math.min(firstAt(pieces, fromMs, (day + 1) * dayMs) ?? span.toMs, span.toMs);
    yield { fromMs, toMs, label: dateText(day * dayMs) };
    fromMs = toMs;
  }
}

/** The local hours of a stretch, in order and without gaps. Where the clocks are changed, an hour ends. */
export function* localHours(zone: TimeZone, span: Span): Generator<CalendarSpan> {
  for (const piece of zone.pieces(span)) {
    for (let { fromMs } = piece; fromMs < piece.toMs;) {
      const localMs = Math.floor((fromMs + piece.offsetMs) / hourMs) * hourMs;
      const toMs = Math.min(localMs + hourMs - piece.offsetMs, piece.toMs);
      yield { fromMs, toMs, label: hourText(localMs, piece.offsetMs) };
      fromMs = toMs;
    }
  }
}

/** Whether there is such a day, in the form `2026-01-31`; `Date.parse` takes the 30th of February for one in March. */
export function isDay(date: string): boolean {
  const atMs = /^\d{4}-\d\d-\d\d$/u.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(atMs) && dateText(atMs) === date;
}

/** Whether a moment is of the years 0 to 9999 in UTC: that of any other is written in another form. False for NaN. */
export function hasPlainYear(atMs: number): boolean {
  const year = new Date(atMs).getUTCFullYear();
  return year >= 0 && year <= 9999;
}

/** When a day begins at a place; undefined where the text is no date of the form `2026-01-31`. */
export function startOfDay(zone: TimeZone, date: string): number | undefined {
  if (!isDay(date)) return undefined;
  const localMs = Date.parse(`${date}T00:00:00Z`);
  const pieces = zone.pieces({ fromMs: localMs - longestDayMs, toMs: localMs + longestDayMs });
  return firstAt(pieces, localMs - longestDayMs, localMs);
}

/** When the day began that is `days` before the one of `atMs`. */
export function startOfDayBefore(zone: TimeZone, atMs: number, days: number): number {
  const [piece] = zone.pieces({ fromMs: atMs, toMs: atMs + 1 });
  const localMs = atMs + (piece?.offsetMs ?? 0) - days * dayMs;
  return startOfDay(zone, dateText(localMs)) ?? atMs - days * dayMs;
}

/** The first moment from `fromMs` on at which the clocks show `localMs` or later. */
function firstAt(pieces: readonly ZonePiece[], fromMs: number, localMs: number): number | undefined {
  for (const piece of pieces) {
    const atMs = Math.max(piece.fromMs, localMs - piece.offsetMs, fromMs);
    if (atMs < piece.toMs) return atMs;
  }
  return undefined;
}

function offsetAt(pieces: readonly ZonePiece[], atMs: number): number {
  return pieces.find(({ toMs }) => atMs < toMs)?.offsetMs ?? 0;
}

function dateText(localMs: number): string {
  return new Date(localMs).toISOString().slice(0, 10);
}

function hourText(localMs: number, offsetMs: number): string {
  const local = new Date(localMs).toISOString().slice(0, 19);
  if (offsetMs === 0) return `${local}Z`;
  const minutes = Math.abs(offsetMs) / minuteMs;
  const pad = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  return `${local}${offsetMs < 0 ? '-' : '+'}${pad(minutes / 60)}:${pad(minutes % 60)}`;
}
