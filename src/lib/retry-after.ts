// How long an answer asks to be left alone, in every spelling that upstreams use.

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  μs: 0.001,
  ns: 0.000_001,
};

const part = /(\d+(?:\.\d+)?)(ms|us|µs|μs|ns|h|m|s)/gu;

/** A Go `time.Duration` (`6m0s`, `1h12m0s`, `8.64s`, `17ms`) or plain seconds, in ms; undefined where it is neither. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/u.test(trimmed)) return Number(trimmed) * 1000;
  if (trimmed === '' || trimmed.replace(part, '') !== '') return undefined;
  let total = 0;
  for (const [, number, unit = ''] of trimmed.matchAll(part)) total += Number(number) * (unitMs[unit] ?? 0);
  return total;
}

/**
 * Milliseconds until a retry, from `retry-after-ms` (float ms), else `retry-after` (float seconds or an HTTP date).
 * Undefined where neither says something usable: absent, negative, not a number, a date that is past.
 */
export function readRetryAfter(header: (name: string) => string | undefined, nowMs: number): number | undefined {
  return readNumber(header('retry-after-ms'), 1) ?? readSeconds(header('retry-after'), nowMs);
}

function readNumber(text: string | undefined, factor: number): number | undefined {
  return text !== undefined && /^\s*\d+(\.\d+)?\s*$/u.test(text) ? Number(text) * factor : undefined;
}

function readSeconds(text: string | undefined, nowMs: number): number | undefined {
  const seconds = readNumber(text, 1000);
  if (seconds !== undefined || text === undefined || !/^\s*[A-Z][a-z]{2},? /u.test(text)) return seconds;
  const wait = Date.parse(text) - nowMs;
  return wait > 0 ? wait : undefined;
}
