// Random mixes of requests of one key, checked against a plain log of what was admitted.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ClientKey } from '../../src/core/client-key.ts';
import type { Period } from '../../src/core/period.ts';
import type { Hold } from '../../src/shared-state/limit-state.ts';
import { admitted, money, type LimitStateRig } from './limit-state-rig.ts';

const minuteMs = 60_000;

/** One request of a mix: when it comes, what it asks for, how much of it it uses, how long it takes, and how it ends. */
interface Step {
  readonly pauseMs: number;
  readonly tokens: number;
  readonly nanoUsd: number;
  readonly used: number;
  readonly lastsMs: number;
  readonly end: 'used' | 'refunded' | 'lost';
}

/** Limits of a key, and requests. */
export const mixes = fc.record({
  rpm: fc.integer({ min: 1, max: 40 }),
  tpm: fc.integer({ min: 100, max: 5000 }),
  places: fc.integer({ min: 1, max: 10 }),
  budget: fc.integer({ min: 1000, max: 100_000 }),
  steps: fc.array(
    fc.record({
      pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 20_000 })),
      tokens: fc.integer({ min: 1, max: 500 }),
      nanoUsd: fc.integer({ min: 0, max: 3000 }),
      used: fc.double({ min: 0, max: 1, noNaN: true }),
      lastsMs: fc.integer({ min: 0, max: 90_000 }),
      end: fc.constantFrom('used' as const, 'used' as const, 'refunded' as const, 'lost' as const),
    }),
    { minLength: 20, maxLength: 150 },
  ),
});

interface Admission {
  readonly atMs: number;
  readonly overAtMs: number;
  readonly hold: Hold;
  readonly step: Step;
}

/** Plays the requests of one key and checks each limit against a log of its own. */
export async function playMix(rig: LimitStateRig, key: ClientKey, steps: readonly Step[]): Promise<void> {
  const period: Period = { startMs: 0, endMs: Infinity };
  const counted: { atMs: number; tokens: number }[] = [];
  let running: Admission[] = [];
  let spent = 0;
  const end = (admission: Admission): void => {
    const { step, hold, atMs } = admission;
    // The first request may be larger than the whole limit; what is used is never more than what was asked for.
    if (step.end === 'lost') spent += step.nanoUsd;
    else {
      const share = step.end === 'used' ? step.used : 0;
      const tokens = Math.floor(step.tokens * share);
      const nanoUsd = Math.floor(step.nanoUsd * share);
      hold.release();
      hold.settle({ countsAsRequest: step.end === 'used', tokens, nanoUsd });
      spent += nanoUsd;
      const index = counted.findIndex((one) => one.atMs === atMs && one.tokens === step.tokens);
      counted.splice(index, 1, ...(step.end === 'used' ? [{ atMs, tokens }] : []));
    }
  };
  const endUntil = async (untilMs: number): Promise<void> => {
    for (;;) {
      const [next] = running.filter(({ overAtMs }) => overAtMs <= untilMs).sort((a, b) => a.overAtMs - b.overAtMs);
      if (next === undefined) break;
      running = running.filter((other) => other !== next);
      await rig.advance(Math.max(next.overAtMs - rig.nowMs(), 0));
      end(next);
    }
    await rig.advance(Math.max(untilMs - rig.nowMs(), 0));
  };
  for (const step of steps) {
    await endUntil(rig.nowMs() + step.pauseMs);
    const atMs = rig.nowMs();
    const overAtMs = atMs + step.lastsMs;
    // A lost one is over when it expires: then its place comes back without anybody's doing.
    const decision = await rig.state.reserve(key, {
      tokens: step.tokens,
      nanoUsd: step.nanoUsd,
      period,
      expiresAtMs: step.end === 'lost' ? overAtMs : overAtMs + 1,
    });
    const inMinute = counted.filter((one) => one.atMs > atMs - minuteMs);
    const tokens = inMinute.reduce((sum, one) => sum + one.tokens, 0);
    const held = running.reduce((sum, { step: { nanoUsd } }) => sum + nanoUsd, 0);
    if (decision.isAdmitted) {
      assert.ok(inMinute.length < (key.rpm ?? 0), 'requests');
      assert.ok(tokens === 0 || tokens + step.tokens <= (key.tpm ?? 0), 'tokens');
      assert.ok(running.length < (key.maxConcurrency ?? 0), 'places');
      assert.ok(spent + held + step.nanoUsd <= (key.budget?.amountNanoUsd ?? 0), 'budget');
      counted.push({ atMs, tokens: step.tokens });
      running.push({ atMs, overAtMs, hold: decision.hold, step });
    } else {
      // Slots of half a second leave the window with their youngest: nothing else may be refused that fits.
      const late = counted.filter((one) => one.atMs > atMs - minuteMs - 500);
      const mayBeFull = {
        requests: late.length >= (key.rpm ?? 0),
        tokens: late.reduce((sum, one) => sum + one.tokens, 0) + Math.min(step.tokens, key.tpm ?? 0) > (key.tpm ?? 0),
        concurrency: running.length >= (key.maxConcurrency ?? 0),
        budget: spent + held + step.nanoUsd > (key.budget?.amountNanoUsd ?? 0),
      };
      for (const { limit } of decision.obstacles) assert.ok(mayBeFull[limit], `${limit} refused without need`);
    }
  }
  await endUntil(rig.nowMs() + 2 * minuteMs);
  const { requests, tokens } = rig.state.standing(key.id);
  assert.equal(requests.used, 0);
  assert.equal(tokens.used, 0);
  const places = key.maxConcurrency ?? 0;
  const roomy = { ...key, rpm: null, tpm: null, budget: null };
  for (let i = 0; i < places; i += 1) await admitted(rig, roomy);
  assert.deepEqual(await money(rig, key, period), { spentNanoUsd: spent, reservedNanoUsd: 0 });
}
