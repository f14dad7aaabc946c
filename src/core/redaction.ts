// Takes keys out of texts that others wrote: an upstream that echoes a key must not make us leak it.
import { markLength, type Secret } from './secret.ts';

const shown = '[secret]';

/** A character that is escaped in JSON or in a URL. */
const escaped = String.raw`\\u[\dA-Fa-f]{4}|\\/|%[\dA-Fa-f]{2}`;

/** What looks like an OpenAI key, whole or with its middle starred out; the end of an escape before it is no part of a word. */
const keyLike = new RegExp(String.raw`(?:\b|(?<=\\[bfnrt]|${escaped}))sk-[A-Za-z0-9_*…-]{4,}`, 'gu');

/**
 * What may stand around a mark and belong to the secret: the characters of keys, of base64, and of stars that hide some. The
 * end of an escape (`\n`) does not: what is left of it would break the JSON text.
 */
const around = String.raw`(?:${escaped}|(?<!\\(?:u[\dA-Fa-f]{0,3})?)[\w+/=*…~-])`;

/** `text` without the given secret, whole, cut off or encoded, and without anything that looks like a key. */
export function withoutSecret(text: string, secret?: Secret): string {
  const plain = secret === undefined ? text : withoutForms(text, secret);
  return plain.replace(keyLike, shown);
}

function withoutForms(text: string, secret: Secret): string {
  const whole = secret.reveal();
  let clean = whole === '' ? text : text.replaceAll(whole, shown);
  for (const mark of secret.marks()) {
    if (clean.includes(mark)) clean = withoutWords(clean, RegExp.escape(mark));
  }
  return /[\\%]/u.test(clean) ? withoutEscaped(clean, whole) : clean;
}

/** The same where JSON or a URL spells some characters of the secret in another way: `\/`, `\u002b`, `%2B`. */
function withoutEscaped(text: string, whole: string): string {
  const mark = whole.slice(0, markLength);
  if (mark.length < markLength || !new RegExp(spelled(mark), 'u').test(text)) return text;
  return withoutWords(text.replace(new RegExp(spelled(whole), 'gu'), shown), spelled(mark));
}

/**
 * `text` without each mark and what belongs to it. Backwards is looked only from where a mark is found: a pattern that begins
 * with what may stand before it is tried at every place of a long word. Little of a secret stands there.
 */
function withoutWords(text: string, mark: string): string {
  const word = new RegExp(`${mark}(?<=(${around}{0,64})${mark})${around}*`, 'gu');
  let clean = '';
  let end = 0;
  for (const { 0: found, 1: before = '', index } of text.matchAll(word)) {
    clean += text.slice(end, Math.max(end, index - before.length)) + shown;
    end = index + found.length;
  }
  return clean + text.slice(end);
}

/** A pattern of a text in all its spellings. */
function spelled(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, '0');
    const digits = code.replace(/[a-f]/gu, (digit) => `[${digit}${digit.toUpperCase()}]`);
    return `(?:${RegExp.escape(character)}|\\\\u00${digits}|%${digits}${character === '/' ? String.raw`|\\/` : ''})`;
  }).join('');
}

/** The name of a model as it may be kept: a key may have been pasted in its place. One of a fine-tuned model may hold `:sk-`. */
export function modelOnRecord(name: string): string {
  return name.includes('sk-') && /^(?:[^/]*\/)?sk-/u.test(name) ? withoutSecret(name) : name;
}

/** Whether a text repeats the secret, whole, cut off or encoded. */
export function hasSecret(text: string, secret: Secret): boolean {
  // Most texts that are asked about are shorter than any mark.
  if (text.length < secret.shortestMark) return false;
  return secret.marks().some((mark) => mark.length <= text.length && text.includes(mark));
}
