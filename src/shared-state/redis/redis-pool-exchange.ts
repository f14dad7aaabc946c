// The exchange between pools over Redis: a channel for what is told, and a hash with ends of its own for what is kept.
import type { Clock } from '../../lib/clock.ts';
import type { KeptEntry, PoolExchange } from '../pool-exchange.ts';
import { defineScript } from './script.ts';
import type { SharedConnection } from './shared-connection.ts';

/** So long after its last change a hash is forgotten even where the end of an entry is later. */
const longestKeptMs = 86_400_000;

/** A change is marked by the server's time, which no restart of the server brings back. */
const mark = `
local time = redis.call('TIME')
redis.call('SET', KEYS[2], time[1] .. '.' .. time[2], 'PX', ${longestKeptMs})
`;

/** Keys: the hash, the mark. Values: for each entry its name, its end, its text. */
const keep = defineScript(
  'keep',
  `
for i = 1, #ARGV, 3 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2]) end
redis.call('PEXPIRE', KEYS[1], ${longestKeptMs})
${mark}
return 1
`,
);

/** Values: beginnings of names. */
const forget = defineScript(
  'forget',
  `
local gone = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  for _, prefix in ipairs(ARGV) do
    if string.sub(name, 1, #prefix) == prefix then gone[#gone + 1] = name break end
  end
end
for _, name in ipairs(gone) do redis.call('HDEL', KEYS[1], name) end
if #gone > 0 then ${mark} end
return #gone
`,
);

/** Values: the mark that the caller knows, and the time. Answers the mark, then the entries unless the mark is known. */
const read = defineScript(
  'read',
  `
local marked = redis.call('GET', KEYS[2]) or ''
if marked == ARGV[1] then return {marked} end
local all = redis.call('HGETALL', KEYS[1])
local found = {marked}
for i = 1, #all, 2 do
  local space = string.find(all[i + 1], ' ', 1, true)
  if tonumber(string.sub(all[i + 1], 1, space - 1)) > tonumber(ARGV[2]) then
    found[#found + 1] = string.sub(all[i + 1], space + 1)
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return found
`,
);

/** Nothing is marked like this. */
const unknown = '-';

/** What the exchange is made of. */
export interface RedisPoolExchangeParts {
  readonly connection: SharedConnection;
  readonly membership: { readonly id: string; readonly gateways: number };
  readonly clock: Clock;
}

/** Opens the exchange. */
export function redisPoolExchange({ connection, membership, clock }: RedisPoolExchangeParts): PoolExchange {
  const channel = connection.key('pool', 'told');
  const keys = [connection.key('pool', 'kept'), connection.key('pool', 'mark')];
  let known = unknown;
  connection.onReturn(() => {
    known = unknown;
  });
  // The connection itself tells of an outage.
  const unheard = (): void => {};
  return {
    get isAway() {
      return connection.isAway;
    },
    get gateways() {
      return membership.gateways;
    },
    tell(text) {
      void connection.publish(channel, `${membership.id} ${text}`).catch(unheard);
    },
    keep(entries: readonly KeptEntry[]) {
      const values = entries.flatMap(({ name, text, untilMs }) => [name, String(Math.ceil(untilMs)), text]);
      void connection.run(keep, keys, values).catch(unheard);
    },
    forget(prefixes) {
      void connection.run(forget, keys, prefixes).catch(unheard);
    },
    async kept() {
      try {
        const answer = (await connection.run(read, keys, [known, String(Math.floor(clock.nowMs()))])) as string[];
        const [marked = '', ...texts] = answer;
        if (marked === known) return undefined;
        known = marked;
        return texts;
      } catch {
        return undefined;
      }
    },
    onTold(listener) {
      return connection.subscribe(channel, (message) => {
        const space = message.indexOf(' ');
        if (message.slice(0, space) !== membership.id) listener(message.slice(space + 1));
      });
    },
    onReturn: (listener) => connection.onReturn(listener),
  };
}
