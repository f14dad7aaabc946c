// The text of a client key: how it is made, what may be shown of it, and the digest that stands for it everywhere else.
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What client keys begin with. */
export const clientKeyPrefix = 'agw_';

/** Random bytes that a key is made of: 256 bits. */
export const clientKeyBytes = 32;

/** Letters and digits only, so that a double click takes the whole key. */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62⁴³ > 2²⁵⁶. */
const randomCharacters = 43;
/** 62⁶ > 2³². */
const checksumCharacters = 6;
const checksumStart = clientKeyPrefix.length + randomCharacters;
const formCharacters = checksumStart + checksumCharacters;

/** Shorter than any part of a secret that may ever be shown: 36 of its 256 bits. */
const shownCharacters = clientKeyPrefix.length + 6;

/** The key made of 32 random bytes: `agw_`, 43 characters of base 62, and 6 of a checksum that tells a typing error. */
export function clientKeyText(random: Uint8Array): string {
  const number = BigInt(`0x${Buffer.from(random).toString('hex')}`);
  const text = clientKeyPrefix + base62(number, randomCharacters);
  return text + checksumOf(text);
}

/** Whether a text has a key's length and characters: what has not is not worth a digest. */
export function hasKeyForm(text: string): boolean {
  if (text.length !== formCharacters || !text.startsWith(clientKeyPrefix)) return false;
  // Asked of every request: a regular expression takes four times as long.
  for (let i = clientKeyPrefix.length; i < formCharacters; i += 1)
    if (!isLetterOrDigit(text.charCodeAt(i))) return false;
  return true;
}

function isLetterOrDigit(code: number): boolean {
  if (code < 0x3a) return code >= 0x30;
  const small = code | 0x20;
  return small >= 0x61 && small <= 0x7a;
}

/** Whether a text of that form can be a key at all, or holds a typing error. */
export function isKeyText(text: string): boolean {
  return hasKeyForm(text) && checksumOf(text.slice(0, checksumStart)) === text.slice(checksumStart);
}

/** SHA-256 in hexadecimal. A digest without salt is enough: nobody guesses 256 random bits. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'hex');
}

/** The beginning of a key, by which its owner knows it again. */
export function shownPart(text: string): string {
  return text.slice(0, shownCharacters);
}

function checksumOf(text: string): string {
  return base62(BigInt(crc32(text)), checksumCharacters);
}

function base62(number: bigint, length: number): string {
  let text = '';
  for (let rest = number; text.length < length; rest /= 62n) text = alphabet.charAt(Number(rest % 62n)) + text;
  return text;
}
