// Takes keys out of texts that others wrote: an upstream that echoes a key must not make us leak it.
import type { Secret } from './secret.ts';

const shown = '[secret]';

/** What looks like an OpenAI key, whole or with its middle starred out. */
const keyLike = /\bsk-[A-Za-z0-9_*…-]{4,}/gu;

/** What may stand around a mark and belong to the secret: the characters of keys, of base64, and of stars that hide some. */
const around = '[\\w+/=*…~-]*';

/** `text` without the given secret, whole, cut off or encoded, and without anything that looks like a key. */
export function withoutSecret(text: string, secret?: Secret): string {
  const plain = secret === undefined ? text : withoutForms(text, secret);
  return plain.replace(keyLike, shown);
}

function withoutForms(text: string, secret: Secret): string {
  const whole = secret.reveal();
  let clean = whole === '' ? text : text.replaceAll(whole, shown);
  for (const mark of secret.marks()) {
    if (clean.includes(mark)) clean = clean.replace(new RegExp(around + RegExp.escape(mark) + around, 'gu'), shown);
  }
  return clean;
}

/** Whether a text repeats the secret, whole, cut off or encoded. */
export function hasSecret(text: string, secret: Secret): boolean {
  // Most texts that are asked about are shorter than any mark.
  if (text.length < secret.shortestMark) return false;
  return secret.marks().some((mark) => mark.length <= text.length && text.includes(mark));
}
