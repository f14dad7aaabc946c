// Takes keys out of texts that others wrote: an upstream that echoes a key must not make us leak it.
import type { Secret } from './secret.ts';

const shown = '[secret]';

/** What looks like an OpenAI key, whole or with its middle starred out. */
const keyLike = /\bsk-[A-Za-z0-9_*…-]{4,}/gu;

/** `text` without the given secret and without anything that looks like a key. */
export function withoutSecret(text: string, secret?: Secret): string {
  const plain = secret === undefined ? text : text.replaceAll(secret.reveal(), shown);
  return plain.replace(keyLike, shown);
}
