// How long an answer asks to be left alone, in every spelling that upstreams use.
import { wholeNumber } from './whole-number.ts';

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

const letterM = 0x6d;
const letterS = 0x73;

/** No upstream's limit has a period longer than a month: what says more is a mistake, or a point in time read as a duration. */
export const longestWaitMs: number = 31 * 24 * 3_600_000;

const part = /(\d+(?:\.\d+)?)(ms|us|µs|μs|ns|h|m|s)/gu;
/** Most durations have one part: several of them come with every answer. */
const onePart = /^(\d+(?:\.\d+)?)(ms|us|µs|μs|ns|h|m|s)?$/u;

/** A Go `time.Duration` (`6m0s`, `1h12m0s`, `8.64s`, `17ms`) or plain seconds, in ms; undefined where it is neither. */
export function parseDuration(text: string): number | undefined {
  const plain = plainDuration(text);
  if (plain !== undefined) return plain;
  const trimmed = text.trim();
  const [, only, onlyUnit = 's'] = onePart.exec(trimmed) ?? [];
  if (only !== undefined) return finite(Number(only) * (unitMs[onlyUnit] ?? 0));
  if (trimmed === '' || trimmed.replace(part, '') !== '') return undefined;
  let total = 0;
  for (const [, number, unit = ''] of trimmed.matchAll(part)) total += Number(number) * (unitMs[unit] ?? 0);
  return finite(total);
}

/** A whole number with one unit, as most of them are. */
function plainDuration(text: string): number | undefined {
  const last = text.length - 1;
  if (text.charCodeAt(last) !== letterS) return undefined;
  const isMs = text.charCodeAt(last - 1) === letterM;
  const number = wholeNumber(text, 0, isMs ? last - 1 : last);
  return number === undefined || isMs ? number : number * 1000;
}

/**
 * Milliseconds until a retry, from `retry-after-ms` (float ms), else `retry-after` (float seconds or an HTTP date).
 * Undefined where neither says something usable: absent, zero, negative, not a number, past, over a month. However long
 * it is below that, it is kept as it is: whoever waits for it decides whether that fits.
 */
export function readRetryAfter(header: (name: string) => string | undefined, nowMs: number): number | undefined {
  const text = header('retry-after')?.trim();
  return (
    usable(readNumber(header('retry-after-ms')?.trim(), 1)) ??
    usable(readNumber(text, 1000)) ??
    usable(text === undefined ? undefined : parseHttpDate(text) - nowMs)
  );
}

const spokenWait =
  /\b(?:try\s+again|retry)\s+(?:in|after)\s+((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|µs|μs|us|ns)(?![a-zµμ])\s*)+)/iu;

const unitWords: readonly (readonly [words: RegExp, unit: string])[] = [
  [/milliseconds?/gu, 'ms'],
  [/sec(?:ond)?s?/gu, 's'],
  [/min(?:ute)?s?/gu, 'm'],
  [/h(?:ou)?rs?/gu, 'h'],
];

/** The same from a sentence: `Please try again in 6m0s.`, `Please retry after 26 seconds.` */
export function readSpokenWait(sentence: string): number | undefined {
  const [, spoken] = spokenWait.exec(sentence) ?? [];
  if (spoken === undefined) return undefined;
  const short = unitWords.reduce((text, [words, unit]) => text.replace(words, unit), spoken.toLowerCase());
  return usable(parseDuration(short.replace(/\s+/gu, '')));
}

function usable(waitMs: number | undefined): number | undefined {
  return waitMs !== undefined && waitMs > 0 && waitMs <= longestWaitMs ? waitMs : undefined;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function readNumber(text: string | undefined, factor: number): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/u.test(text) ? Number(text) * factor : undefined;
}

const month = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const time = String.raw`\d{2}:\d{2}:\d{2}`;
const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const withZone = new RegExp(
  String.raw`^(?:${day}, \d{2} ${month} \d{4}|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-${month}-\d{2}) ${time} GMT$`,
  'u',
);
const withoutZone = new RegExp(String.raw`^${day} ${month} [ \d]\d ${time} \d{4}$`, 'u');

/** An HTTP date in any of its three forms (RFC 9110, 5.6.7), in ms since the epoch; NaN where it is none. */
function parseHttpDate(text: string): number {
  if (withZone.test(text)) return Date.parse(text);
  return withoutZone.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
