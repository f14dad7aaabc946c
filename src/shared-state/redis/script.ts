// Lua that Redis runs as one step, known to the server by its digest.
import { createHash } from 'node:crypto';

/** A script, and the digest that it is called by once the server has seen it. */
export interface Script {
  /** What it does, for a store that does it without Lua. */
  readonly name: string;
  readonly text: string;
  readonly digest: string;
}

/** Lua that has `serverNowMs()`: the server's own time, ms since the epoch. */
export const serverNow = `
local function serverNowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

export function defineScript(name: string, text: string): Script {
  return { name, text, digest: createHash('sha1').update(text).digest('hex') };
}
