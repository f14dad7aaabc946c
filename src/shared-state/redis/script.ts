// Lua that Redis runs as one step, known to the server by its digest.
import { createHash } from 'node:crypto';

/** A script, and the digest that it is called by once the server has seen it. */
export interface Script {
  /** What it does, for a store that does it without Lua. */
  readonly name: string;
  readonly text: string;
  readonly digest: string;
}

export function defineScript(name: string, text: string): Script {
  return { name, text, digest: createHash('sha1').update(text).digest('hex') };
}
