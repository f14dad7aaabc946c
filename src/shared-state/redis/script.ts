// Lua that Redis runs as one step, known to the server by its digest.
import { createHash } from 'node:crypto';

/** A script, and the digest that it is called by once the server has seen it. */
export interface Script {
  readonly text: string;
  readonly digest: string;
}

export function defineScript(text: string): Script {
  return { text, digest: createHash('sha1').update(text).digest('hex') };
}
