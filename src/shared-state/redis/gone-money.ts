// Money that a gateway had in hand when it died: booked by what it has really spent, once the ledger knows that.
import type { Period } from '../../core/period.ts';
import type { NanoUsd } from '../../core/price.ts';
import type { Clock } from '../../lib/clock.ts';
import { RecentMap } from '../../lib/recent-map.ts';
import type { SpendingHistory } from '../limit-state.ts';
import { defineScript, serverNow, type Script } from './script.ts';
import { goneMs } from './share-script.ts';

/** What a gateway left may lie on a machine that is away: so often the ledger is asked for it. */
const askAgainMs = 5000;
const namesKept = 10_000;

/**
 * KEYS: the money. ARGV: who is gone, the time or nothing, all that it has spent. What it had not told of that is booked,
 * and what it held is free. Whoever comes second finds nothing to be done.
 */
export const buryScript: Script = defineScript(
  'bury',
  `${serverNow}
local money, gone, now = KEYS[1], ARGV[1], tonumber(ARGV[2]) or serverNowMs()
local line = redis.call('HGET', money, 'held:' .. gone)
if not line then return 0 end
local seen = string.match(line, '%S+ (%S+)')
if now - tonumber(seen) < ${goneMs} then return 0 end
local told = tonumber(redis.call('HGET', money, 'own:' .. gone))
local spent = tonumber(redis.call('HGET', money, 'spent')) + math.max(tonumber(ARGV[3]) - told, 0)
redis.call('HSET', money, 'spent', string.format('%.0f', spent))
redis.call('HDEL', money, 'held:' .. gone, 'own:' .. gone)
return 1
`,
);

/** What it needs of the rest. */
export interface GoneMoneyParts {
  readonly clock: Clock;
  readonly history: Pick<SpendingHistory, 'spentByGone'>;
  /** Books what a gateway has spent in place of what it told and held. */
  readonly bury: (keyId: string, period: Period, gatewayId: string, spentNanoUsd: NanoUsd) => Promise<unknown>;
}

/** Looks for what gateways that are gone have spent. */
export class GoneMoney {
  readonly #parts: GoneMoneyParts;
  /** Key, period and gateway → when it may be looked for again; infinite while it is. Who is forgotten here is looked for once more. */
  readonly #notBeforeMs = new RecentMap<string, number>(namesKept);
  readonly #running = new Set<Promise<void>>();

  constructor(parts: GoneMoneyParts) {
    this.#parts = parts;
  }

  /** Hears which gateways have been silent for too long with money of this key in hand. */
  hear(keyId: string, period: Period, gatewayIds: readonly string[]): void {
    for (const gatewayId of gatewayIds) {
      const name = `${keyId} ${period.startMs} ${period.endMs} ${gatewayId}`;
      if (this.#parts.clock.nowMs() < (this.#notBeforeMs.get(name) ?? 0)) continue;
      this.#notBeforeMs.set(name, Infinity);
      const running = this.#settle(keyId, period, gatewayId).then((isSettled) => {
        this.#notBeforeMs.set(name, isSettled ? 0 : this.#parts.clock.nowMs() + askAgainMs);
        this.#running.delete(running);
      });
      this.#running.add(running);
    }
  }

  /** Resolves when nothing is being looked for. */
  async quiet(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #settle(keyId: string, period: Period, gatewayId: string): Promise<boolean> {
    try {
      const spent = await this.#parts.history.spentByGone(gatewayId, keyId, period);
      if (spent === undefined) return false;
      await this.#parts.bury(keyId, period, gatewayId, spent);
      return true;
    } catch {
      // Neither the database nor Redis has to answer; who asks for money next hears of it again.
      return false;
    }
  }
}
