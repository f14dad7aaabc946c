// Identifiers that sort by the time they were made, so that newest-first listings need no second index.
import { randomFillSync } from 'node:crypto';
import { latin1In } from './bytes.ts';

/** Crockford's base 32: no I, L, O, U, so an id read out loud is written down right. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const characters = Buffer.from(alphabet);
const timeCharacters = 9;
const randomCharacters = 16;
const latestMs = 32 ** timeCharacters - 1;
const underscore = 0x5f;
const pool = { bytes: new Uint8Array(4096), used: 4096 };
/** Where an id is put together, in one piece: one of 25 pieces costs as much again wherever it is read. */
const sheet = Buffer.alloc(64);

/** `prefix_` + 9 characters of time (milliseconds) + 16 of randomness (80 bits). */
export function newId(prefix: string, nowMs: number): string {
  const start = writeBeginning(prefix, nowMs);
  if (pool.used + randomCharacters > pool.bytes.length) {
    randomFillSync(pool.bytes);
    pool.used = 0;
  }
  for (let i = 0; i < randomCharacters; i += 1)
    sheet[start + i] = characters[(pool.bytes[pool.used + i] as number) & 31] as number;
  pool.used += randomCharacters;
  return latin1In(sheet, 0, start + randomCharacters);
}

/** What the ids of a moment begin with: no id made then or later sorts before it. Times before 1970 count as 1970, those after 3084 as 3084. */
export function idsFrom(prefix: string, atMs: number): string {
  return latin1In(sheet, 0, writeBeginning(prefix, atMs));
}

/** Writes it on the sheet; where it ends there. */
function writeBeginning(prefix: string, atMs: number): number {
  const length = prefix.length;
  for (let i = 0; i < length; i += 1) sheet[i] = prefix.charCodeAt(i);
  sheet[length] = underscore;
  let rest = Math.min(Math.max(0, Math.floor(atMs)), latestMs);
  for (let at = length + timeCharacters; at > length; at -= 1) {
    sheet[at] = characters[rest % 32] as number;
    rest = Math.floor(rest / 32);
  }
  return length + 1 + timeCharacters;
}

/** The moment in which an id was made, ms since the epoch; undefined where it has another form. */
export function timeOfId(id: string): number | undefined {
  const time = /^[^_]*_([0-9a-hjkmnp-tv-z]{9})/u.exec(id)?.[1];
  if (time === undefined) return undefined;
  let ms = 0;
  for (const character of time) ms = ms * 32 + alphabet.indexOf(character);
  return ms;
}
