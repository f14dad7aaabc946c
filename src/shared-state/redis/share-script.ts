// How gateways divide the limits of a key: one step in Redis in which a gateway says what it uses and is given its share.
import type { NanoUsd } from '../../core/price.ts';
import { defineScript, serverNow, type Script } from './script.ts';
import type { WrittenAmount } from './written-spending.ts';

/** What a gateway wants of one limit. The unit is the limit's own. */
export interface Wish {
  /** Null: there is no such limit, and nothing to be divided. */
  readonly limit: number | null;
  /** In use already: that much is its share in any case. */
  readonly used: number;
  /** What those who wait want on top, all together. */
  readonly need: number;
  /** What the most modest of them wants. */
  readonly least: number;
  /** What it would like to have in hand. */
  readonly extra: number;
  /** The share that it counts on. */
  readonly held: number;
}

/** What it was given. */
export interface Grant {
  /** So much it may use, until the grant ends. */
  readonly share: number;
  /** The shares of all others. */
  readonly others: number;
}

/** A wish for money of one period. */
export interface MoneyWish extends Wish {
  /** What was spent here in all, and how much of that the others know of. */
  readonly ownNanoUsd: NanoUsd;
  readonly toldNanoUsd: NanoUsd;
  /** What the ledger says, what had been spent here when it was asked, and how long ago that was at most; undefined where it was not asked. */
  readonly ledger: { readonly spentNanoUsd: NanoUsd; readonly ownNanoUsd: NanoUsd; readonly ageMs: number } | undefined;
  /** The revision of the key's budget: where the store knows an older one, the key may have spent what nobody told. Undefined: it has none. */
  readonly inForceSince: number | undefined;
  /** What of it the ledger has had for how long. */
  readonly written: readonly WrittenAmount[];
}

/** The answer about money. */
export interface MoneyGrant extends Grant {
  /** What all gateways have spent, and what those held that are gone. */
  readonly spentNanoUsd: NanoUsd;
  /** Those of them, a few at a time. */
  readonly gone: readonly string[];
}

/** All that is asked at once. */
export interface ShareQuestion {
  readonly gatewayId: string;
  /** The time that grants are measured in, ms; undefined: the server's own. */
  readonly nowMs: number | undefined;
  /** Gateways that may want some too. */
  readonly gateways: number;
  readonly requests: Wish;
  readonly tokens: Wish;
  readonly places: Wish;
  readonly money: MoneyWish | undefined;
}

/** All that is answered. */
export interface ShareAnswer {
  readonly requests: Grant;
  readonly tokens: Grant;
  readonly places: Grant;
  /** Another gateway has lately been given less than it needed. */
  readonly isContested: boolean;
  /** Null: nobody has told yet what was spent before, or under another budget, so the ledger has to be asked. */
  readonly money: MoneyGrant | null;
}

/** How long a share lasts unless it is renewed. Its requests and tokens count for a minute more, because they may have been used last then. */
export const shareMs = 15_000;
export const windowMs = 60_000;
/** How long a gateway's unmet need makes the others modest. */
export const contestMs = 2000;
/** After so much silence a gateway's money counts as spent, until the ledger knows better. */
export const goneMs = 30_000;
/** So many gateways that are gone are named at once. */
export const goneAtOnce = 10;
/** How long the spending of a period is remembered after the last change; then the ledger is asked again. */
const moneyMs = 35 * 86_400_000;

/**
 * KEYS: the shares, the money. A share is a line of a hash: its end, when its owner last lacked something, and the amounts.
 * Numbers are written out in full, because Lua rounds to fourteen digits.
 */
export const shareScript: Script = defineScript(
  'divide',
  `${serverNow}
local me, now, gateways = ARGV[1], tonumber(ARGV[2]) or serverNowMs(), tonumber(ARGV[3])
local at = 3
local function wish()
  local function number(i) return tonumber(ARGV[at + i]) end
  local read = { limit = number(1), used = number(2), need = number(3), least = number(4), extra = number(5), held = number(6) }
  at = at + 6
  return read
end
local function text(number) return string.format('%.0f', number) end
local isShort = false
local function divide(w, others)
  if not w.limit then return w.used end
  local free, want = w.limit - others, w.used + w.need
  if want > free then
    if w.need > 0 then isShort = true end
    if w.need > 0 and w.used + w.least <= free then return math.max(w.used, free) end
    return math.max(w.used, math.min(w.held, free))
  end
  local spare = math.max(0, math.floor((free - want) / (4 * gateways)))
  local target = math.max(want + math.min(w.extra, spare), math.min(w.held, want + w.extra))
  return math.min(target, free)
end

local wishes = { wish(), wish(), wish() }
local others, contested, wasShort = { 0, 0, 0 }, 0, 0
local lines = redis.call('HGETALL', KEYS[1])
for i = 1, #lines, 2 do
  local ends, short, a, b, c = string.match(lines[i + 1], '(%S+) (%S+) (%S+) (%S+) (%S+)')
  if lines[i] == me then
    wasShort = tonumber(short)
  elseif tonumber(ends) + ${windowMs} <= now then
    redis.call('HDEL', KEYS[1], lines[i])
  else
    others[1] = others[1] + tonumber(a)
    others[2] = others[2] + tonumber(b)
    if tonumber(ends) > now then others[3] = others[3] + tonumber(c) end
    if now - tonumber(short) < ${contestMs} then contested = 1 end
  end
end
local answer = {}
for i = 1, 3 do
  answer[2 * i - 1] = divide(wishes[i], others[i])
  answer[2 * i] = others[i]
end
answer[7] = contested

answer[8] = 0
if #KEYS == 2 then
  local w, money = wish(), KEYS[2]
  local own, told = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local ledger, ownThen, ledgerAge = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local spent = tonumber(redis.call('HGET', money, 'spent'))
  local since = tonumber(ARGV[at + 6])
  local sinceKnown = tonumber(redis.call('HGET', money, 'since')) or since
  local isDoubted = spent and since and since > sinceKnown
  if not spent and ledger then
    spent = ledger
    told = ownThen
    redis.call('HSET', money, 'read', text(now - ledgerAge))
  elseif isDoubted and ledger then
    if ledger > spent then
      spent = ledger
      redis.call('HSET', money, 'own:' .. me, text(ownThen))
    end
    isDoubted = false
  end
  -- Another has told what the ledger says since this gateway was last heard: what the ledger had then is told already.
  local read = tonumber(redis.call('HGET', money, 'read'))
  for i = at + 7, #ARGV, 2 do
    if read and now - tonumber(ARGV[i + 1]) <= read then told = math.max(told, tonumber(ARGV[i])) end
  end
  if spent and not isDoubted then
    if since then redis.call('HSET', money, 'since', text(math.max(since, sinceKnown))) end
    spent = spent + own - (tonumber(redis.call('HGET', money, 'own:' .. me)) or told)
    local fresh, gone, names = 0, 0, {}
    local all = redis.call('HGETALL', money)
    for i = 1, #all, 2 do
      local owner = string.match(all[i], '^held:(.+)')
      if owner and owner ~= me then
        local held, seen = string.match(all[i + 1], '(%S+) (%S+)')
        if now - tonumber(seen) < ${goneMs} then
          fresh = fresh + tonumber(held)
        elseif tonumber(held) > 0 then
          gone = gone + tonumber(held)
          if #names < ${goneAtOnce} then names[#names + 1] = owner end
        else
          redis.call('HDEL', money, 'held:' .. owner, 'own:' .. owner)
        end
      end
    end
    local lease = divide(w, spent + gone + fresh)
    redis.call('HSET', money, 'spent', text(spent), 'own:' .. me, text(own), 'held:' .. me, text(lease) .. ' ' .. text(now))
    redis.call('PEXPIRE', money, ${moneyMs})
    answer[8], answer[9], answer[10], answer[11] = 1, spent + gone, lease, fresh
    for i = 1, #names do answer[11 + i] = names[i] end
  end
end

if isShort then wasShort = now end
local line = { text(now + ${shareMs}), text(wasShort), text(answer[1]), text(answer[3]), text(answer[5]) }
redis.call('HSET', KEYS[1], me, table.concat(line, ' '))
redis.call('PEXPIRE', KEYS[1], ${shareMs + 2 * windowMs})
return answer
`,
);

function wishValues({ limit, used, need, least, extra, held }: Wish): string[] {
  const amounts = [used, need, least, extra, held].map((amount) => String(Math.ceil(amount)));
  return [limit === null ? '' : String(Math.floor(limit)), ...amounts];
}

/** The script's arguments. */
export function questionValues(question: ShareQuestion): string[] {
  const { gatewayId, nowMs, gateways, requests, tokens, places, money } = question;
  const values = [gatewayId, nowMs === undefined ? '' : String(Math.floor(nowMs)), String(gateways)];
  for (const wish of [requests, tokens, places]) values.push(...wishValues(wish));
  if (money !== undefined) {
    values.push(...wishValues(money), String(money.ownNanoUsd), String(money.toldNanoUsd));
    const { ledger, written } = money;
    const told = [ledger?.spentNanoUsd, ledger?.ownNanoUsd, ledger?.ageMs, money.inForceSince];
    values.push(...told.map((value) => String(value ?? '')));
    for (const { nanoUsd, ageMs } of written) values.push(String(nanoUsd), String(ageMs));
  }
  return values;
}

/** The script's answer. */
export function readAnswer(reply: unknown): ShareAnswer {
  const values = reply as readonly (number | string)[];
  const at = (i: number): number => Number(values[i] ?? 0);
  const grant = (i: number): Grant => ({ share: at(i), others: at(i + 1) });
  return {
    requests: grant(0),
    tokens: grant(2),
    places: grant(4),
    isContested: at(6) === 1,
    money: at(7) === 1 ? { spentNanoUsd: at(8), ...grant(9), gone: values.slice(11).map(String) } : null,
  };
}
