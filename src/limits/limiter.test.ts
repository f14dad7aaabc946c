// Tests the whole limiter with 200 requests in flight: no minute over its limit, little of it unused, and nothing held at the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../core/errors.ts';
import type { AttemptRecord } from '../core/record.ts';
import { limitedKey } from '../../test/support/client-key.ts';
import { attempt, openDesk, target, usd } from '../../test/support/limiter-desk.ts';
import { BudgetPeriods } from './budget-period.ts';
import type { Reservation } from './reservation.ts';

const minuteMs = 60_000;
const inFlight = 200;

/** A request as it will turn out. */
interface Plan {
  /** Words of the prompt; each is a token and five bytes. */
  readonly words: number;
  readonly maxTokens: number;
  /** Share of the limit that the answer uses. */
  readonly used: number;
  readonly lastsMs: number;
  readonly end: 'whole' | 'cut' | 'error' | 'unsent';
}

const plans = fc.array(
  fc.record({
    words: fc.integer({ min: 1, max: 400 }),
    maxTokens: fc.integer({ min: 1, max: 400 }),
    used: fc.double({ min: 0.3, max: 1, noNaN: true }),
    lastsMs: fc.integer({ min: 5, max: 3000 }),
    end: fc.constantFrom(
      'whole' as const,
      'whole' as const,
      'whole' as const,
      'cut' as const,
      'error' as const,
      'unsent' as const,
    ),
  }),
  { minLength: 50, maxLength: 50 },
);

/** The record of an attempt that went as planned. */
function attemptOf({ words, maxTokens, used, end }: Plan, reservedNanoUsd: number | null): AttemptRecord {
  const part = { costNanoUsd: null, reservedNanoUsd };
  if (end === 'unsent')
    return attempt(0, { ...part, status: null, mayHaveReachedUpstream: false, usageSource: 'none' });
  if (end === 'error') return attempt(0, { ...part, status: 500, usageSource: 'none' });
  const completion = Math.floor(maxTokens * used * (end === 'cut' ? 0.5 : 1));
  return attempt(0, {
    ...part,
    usageSource: end === 'cut' ? 'estimated' : 'upstream',
    usage: {
      prompt_tokens: words + 7,
      completion_tokens: completion,
      total_tokens: words + 7 + completion,
      cached_tokens: 0,
      cache_write_tokens: 0,
      reasoning_tokens: 0,
      audio_prompt_tokens: 0,
      audio_completion_tokens: 0,
    },
  });
}

/** The most that any 60 seconds hold. */
function mostInAMinute(admitted: readonly { readonly atMs: number; readonly tokens: number }[]): number {
  let [first, sum, most] = [0, 0, 0];
  for (const { atMs, tokens } of admitted) {
    sum += tokens;
    for (; (admitted[first]?.atMs ?? atMs) <= atMs - minuteMs; first += 1) sum -= admitted[first]?.tokens ?? 0;
    most = Math.max(most, sum);
  }
  return most;
}

test('random mixes with 200 in flight', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (mix) => {
      const { clock, limiter, state, reserve, finish } = openDesk({ queueTimeoutMs: 0 });
      const tpm = 100_000;
      const key = limitedKey({ tpm, rpm: 100_000, maxConcurrency: inFlight, budget: 1000 * usd });
      const startMs = clock.nowMs();
      const admitted: { readonly atMs: number; tokens: number }[] = [];
      let running: { readonly endMs: number; readonly end: () => void }[] = [];
      let largest = 0;
      const admit = async (plan: Plan): Promise<boolean> => {
        const content = 'word '.repeat(plan.words);
        let reservation: Reservation;
        try {
          reservation = await reserve({ key }, { max_tokens: plan.maxTokens, messages: [{ role: 'user', content }] });
        } catch (error) {
          assert.ok(error instanceof GatewayError && error.code === 'rate_limit_exceeded', String(error));
          return false;
        }
        const terms = await reservation.attempt(target);
        assert.ok(!(terms instanceof GatewayError));
        const record = attemptOf(plan, terms.reservedNanoUsd);
        const { usage } = record;
        const tokens = usage === null ? 0 : usage.prompt_tokens + usage.completion_tokens;
        largest = Math.max(largest, plan.words + plan.maxTokens);
        admitted.push({ atMs: clock.nowMs(), tokens });
        const end = (): void => {
          finish(reservation, [record]);
          // Whatever is said twice counts once.
          finish(reservation, []);
        };
        running.push({ endMs: clock.nowMs() + plan.lastsMs, end });
        return true;
      };
      for (let n = 0; clock.nowMs() < startMs + 4 * minuteMs;) {
        let isAdmitted = true;
        for (let tries = 0; isAdmitted && tries < 40; tries += 1, n += 1)
          isAdmitted = await admit(mix[n % mix.length] as Plan);
        assert.ok(running.length <= inFlight);
        await clock.advance(50);
        for (const { endMs, end } of running) if (endMs <= clock.nowMs()) end();
        running = running.filter(({ endMs }) => endMs > clock.nowMs());
      }
      const used = admitted.reduce((sum, { tokens }) => sum + tokens, 0);
      assert.ok(mostInAMinute(admitted) <= tpm + largest, `${mostInAMinute(admitted)} in a minute`);
      assert.ok(used >= 0.95 * 4 * tpm, `${used} of ${4 * tpm} used`);
      for (const { end } of running) end();
      await clock.advance(minuteMs);
      assert.deepEqual(limiter.standing(key.id), {
        requests: { used: 0, resetMs: 0 },
        tokens: { used: 0, resetMs: 0 },
      });
      const period = new BudgetPeriods().at({ period: 'day', timeZone: 'UTC' }, startMs);
      assert.equal((await state.money(key, period)).reservedNanoUsd, 0);
      const all = await Promise.all(Array.from({ length: inFlight }, () => reserve({ key }, { max_tokens: 1 })));
      assert.equal(all.length, inFlight, 'every place is free');
    }),
    { numRuns: 5 },
  );
});
