// Identifiers that sort by the time they were made, so that newest-first listings need no second index.
import { randomFillSync } from 'node:crypto';

/** Crockford's base 32: no I, L, O, U, so an id read out loud is written down right. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const timeCharacters = 9;
const randomCharacters = 16;
const latestMs = 32 ** timeCharacters - 1;
const pool = { bytes: new Uint8Array(4096), used: 4096 };

/** `prefix_` + 9 characters of time (milliseconds) + 16 of randomness (80 bits). */
export function newId(prefix: string, nowMs: number): string {
  const beginning = idsFrom(prefix, nowMs);
  if (pool.used + randomCharacters > pool.bytes.length) {
    randomFillSync(pool.bytes);
    pool.used = 0;
  }
  let random = '';
  for (let i = 0; i < randomCharacters; i += 1) random += alphabet.charAt((pool.bytes[pool.used + i] ?? 0) & 31);
  pool.used += randomCharacters;
  return beginning + random;
}

/** What the ids of a moment begin with: no id made then or later sorts before it. Times before 1970 count as 1970, those after 3084 as 3084. */
export function idsFrom(prefix: string, atMs: number): string {
  let time = '';
  let rest = Math.min(Math.max(0, Math.floor(atMs)), latestMs);
  for (let i = 0; i < timeCharacters; i += 1) {
    time = alphabet.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  return `${prefix}_${time}`;
}

/** The moment in which an id was made, ms since the epoch; undefined where it has another form. */
export function timeOfId(id: string): number | undefined {
  const time = /^[^_]*_([0-9a-hjkmnp-tv-z]{9})/u.exec(id)?.[1];
  if (time === undefined) return undefined;
  let ms = 0;
  for (const character of time) ms = ms * 32 + alphabet.indexOf(character);
  return ms;
}
