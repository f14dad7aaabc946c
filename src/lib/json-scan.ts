// A scanner over JSON bytes: checks the form and tells where values stand, without building them.
import { readValue } from './json-value.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;

/** Past this length a string's end is looked for with the runtime's vectorised search. */
const shortStringBytes = 64;

const literals = { t: ascii('true'), f: ascii('false'), n: ascii('null') };

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The position of the next byte that is not white space. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const byte = bytes[i];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return i;
    i += 1;
  }
  return i;
}

/** The position after the string that opens at `at`, or -1. What stands inside is not judged: the receiver does that. */
export function skipString(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== quote) return -1;
  let i = at + 1;
  const slowUntil = Math.min(end, i + shortStringBytes);
  while (i < slowUntil) {
    const byte = bytes[i];
    if (byte === quote) return i + 1;
    i += byte === backslash ? 2 : 1;
  }
  if (i >= end) return -1;
  // From here on jump from quote to quote; a quote is escaped when an odd number of backslashes stands before it.
  const from = i;
  for (;;) {
    const found = bytes.indexOf(quote, i);
    if (found === -1 || found >= end) return -1;
    let slashes = found - 1;
    while (slashes >= from && bytes[slashes] === backslash) slashes -= 1;
    if ((found - 1 - slashes) % 2 === 0) return found + 1;
    i = found + 1;
  }
}

function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const byte = bytes[i] as number;
    if (byte < zero || byte > nine) return i;
    i += 1;
  }
  return i;
}

function skipNumber(bytes: Uint8Array, at: number, end: number): number {
  let i = bytes[at] === minus ? at + 1 : at;
  const whole = i;
  i = skipDigits(bytes, i, end);
  if (i === whole || (bytes[whole] === zero && i > whole + 1)) return -1;
  if (i < end && bytes[i] === point) {
    const fraction = i + 1;
    i = skipDigits(bytes, fraction, end);
    if (i === fraction) return -1;
  }
  if (i < end && (bytes[i] === 0x65 || bytes[i] === 0x45)) {
    i += 1;
    if (i < end && (bytes[i] === plus || bytes[i] === minus)) i += 1;
    const exponent = i;
    i = skipDigits(bytes, exponent, end);
    if (i === exponent) return -1;
  }
  return i;
}

function skipLiteral(bytes: Uint8Array, at: number, end: number, literal: Uint8Array): number {
  if (at + literal.length > end) return -1;
  for (let i = 0; i < literal.length; i += 1) if (bytes[at + i] !== literal[i]) return -1;
  return at + literal.length;
}

function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case quote:
      return skipString(bytes, at, end);
    case 0x74:
      return skipLiteral(bytes, at, end, literals.t);
    case 0x66:
      return skipLiteral(bytes, at, end, literals.f);
    case 0x6e:
      return skipLiteral(bytes, at, end, literals.n);
    default:
      return skipNumber(bytes, at, end);
  }
}

/** The position after the member name at `at` and its colon, or -1. */
function skipName(bytes: Uint8Array, at: number, end: number): number {
  const nameEnd = skipString(bytes, at, end);
  return nameEnd === -1 ? -1 : skipColon(bytes, nameEnd, end);
}

/** The position where a member's value begins, after the colon that is due at `at`, or -1. */
function skipColon(bytes: Uint8Array, at: number, end: number): number {
  const i = skipSpace(bytes, at, end);
  return i < end && bytes[i] === colon ? skipSpace(bytes, i + 1, end) : -1;
}

/** The position after the JSON value at `at`, or -1 where it is malformed or cut. Nests without recursion. */
export function skipValue(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at];
  if (at >= end) return -1;
  if (first !== openBrace && first !== openBracket) return skipScalar(bytes, at, end);

  const closers: number[] = [];
  let i = at;
  for (;;) {
    // Here a value begins at i.
    const byte = bytes[i];
    if (i >= end) return -1;
    if (byte === openBrace || byte === openBracket) {
      const closer = byte === openBrace ? closeBrace : closeBracket;
      i = skipSpace(bytes, i + 1, end);
      if (i >= end) return -1;
      if (bytes[i] === closer) {
        i += 1;
      } else {
        closers.push(closer);
        if (closer === closeBrace && (i = skipName(bytes, i, end)) === -1) return -1;
        continue;
      }
    } else if ((i = skipScalar(bytes, i, end)) === -1) {
      return -1;
    }
    // Here a value ended at i: close what closes, or go on to the next value.
    for (;;) {
      const closer = closers.at(-1);
      if (closer === undefined) return i;
      i = skipSpace(bytes, i, end);
      if (i >= end) return -1;
      if (bytes[i] === closer) {
        closers.pop();
        i += 1;
        continue;
      }
      if (bytes[i] !== comma) return -1;
      i = skipSpace(bytes, i + 1, end);
      if (closer === closeBrace && (i = skipName(bytes, i, end)) === -1) return -1;
      break;
    }
  }
}

/** Where a value stands: from `start`, up to and not including `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Passes the object at `at`, member by member. `pass` gets each name's span (quotes included) and where its value
 * begins, and answers where that ends, -1 where it is malformed: so a value that matters is read while it is passed.
 * The answer is the position after the object, or -1 where the bytes are not a well-formed object.
 */
export function passObject(
  bytes: Uint8Array,
  at: number,
  end: number,
  pass: (nameStart: number, nameEnd: number, valueStart: number) => number,
): number {
  if (at >= end || bytes[at] !== openBrace) return -1;
  let i = skipSpace(bytes, at + 1, end);
  if (i < end && bytes[i] === closeBrace) return i + 1;
  for (;;) {
    const nameEnd = skipString(bytes, i, end);
    if (nameEnd === -1) return -1;
    const valueStart = skipColon(bytes, nameEnd, end);
    if (valueStart === -1) return -1;
    i = pass(i, nameEnd, valueStart);
    if (i === -1) return -1;
    i = skipSpace(bytes, i, end);
    if (i >= end) return -1;
    if (bytes[i] === closeBrace) return i + 1;
    if (bytes[i] !== comma) return -1;
    i = skipSpace(bytes, i + 1, end);
  }
}

/** Passes the array at `at`, element by element; `pass` and the answer are as `passObject`'s. */
export function passArray(bytes: Uint8Array, at: number, end: number, pass: (valueStart: number) => number): number {
  if (at >= end || bytes[at] !== openBracket) return -1;
  let i = skipSpace(bytes, at + 1, end);
  if (i < end && bytes[i] === closeBracket) return i + 1;
  for (;;) {
    i = pass(i);
    if (i === -1) return -1;
    i = skipSpace(bytes, i, end);
    if (i >= end) return -1;
    if (bytes[i] === closeBracket) return i + 1;
    if (bytes[i] !== comma) return -1;
    i = skipSpace(bytes, i + 1, end);
  }
}

/**
 * Walks the members of the object at `at`. `visit` gets each name's span (quotes included) and its value's span.
 * The answer is the position after the object, or -1 where the bytes are not a well-formed object.
 */
export function walkObject(
  bytes: Uint8Array,
  at: number,
  end: number,
  visit: (nameStart: number, nameEnd: number, valueStart: number, valueEnd: number) => void,
): number {
  return passObject(bytes, at, end, (nameStart, nameEnd, valueStart) => {
    const valueEnd = skipValue(bytes, valueStart, end);
    if (valueEnd !== -1) visit(nameStart, nameEnd, valueStart, valueEnd);
    return valueEnd;
  });
}

/** Walks the elements of the array at `at`; the answer is as `walkObject`'s. */
export function walkArray(
  bytes: Uint8Array,
  at: number,
  end: number,
  visit: (valueStart: number, valueEnd: number) => void,
): number {
  return passArray(bytes, at, end, (valueStart) => {
    const valueEnd = skipValue(bytes, valueStart, end);
    if (valueEnd !== -1) visit(valueStart, valueEnd);
    return valueEnd;
  });
}

/** Whether `bytes`, white space aside, are one whole JSON value. */
export function isWholeJson(bytes: Uint8Array): boolean {
  const start = skipSpace(bytes, 0, bytes.length);
  const end = skipValue(bytes, start, bytes.length);
  return end !== -1 && skipSpace(bytes, end, bytes.length) === bytes.length;
}

/** Whether the bytes of the span are the text `text` (plain ASCII) to the letter. */
export function spanIs(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i += 1) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** An escaped letter has so many bytes more than the letter. */
const escapeBytes = 5;

/**
 * Whether the name at the span (quotes included) means `name`, which is letters, digits and underscores alone; a name
 * written with escapes is decoded first.
 */
export function nameIs(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  const more = end - start - 2 - name.length;
  if (more === 0) return spanIs(bytes, start + 1, end - 1, name);
  // Mostly the length alone tells that it is another one.
  if (more < 0 || more % escapeBytes !== 0 || !hasBackslash(bytes, start, end)) return false;
  return readValue(bytes, start, end) === name;
}

/** Names are short: a loop costs less here than a view and a call. */
function hasBackslash(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) if (bytes[i] === backslash) return true;
  return false;
}
