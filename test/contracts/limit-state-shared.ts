// What several gateways must do with the limits that they share: keep every one together, use almost all of it, and lose
// nothing for long when one of them dies.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClientKey } from '../../src/core/client-key.ts';
import type { Decision, Hold } from '../../src/shared-state/limit-state.ts';
import { limitedKey } from '../support/client-key.ts';
import type { Keeper, Keepers } from '../support/gateway-trio.ts';
import { changedLimitsContract } from './limit-state-changed.ts';

const minuteMs = 60_000;
const period = { startMs: 0, endMs: Infinity };

interface Entry {
  readonly atMs: number;
  readonly keeper: string;
  readonly tokens: number;
}

/** Random numbers that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** What was asked of the keepers, and what was let in. */
class Traffic {
  readonly admitted: Entry[] = [];
  spent = 0;
  asked = 0;
  running: { readonly entry: Entry; readonly hold: Hold; readonly endsAtMs: number; readonly nanoUsd: number }[] = [];
  readonly #keepers: Keepers;
  readonly #key: ClientKey;
  readonly #random: () => number;

  constructor(keepers: Keepers, key: ClientKey, seed = 7) {
    this.#keepers = keepers;
    this.#key = key;
    this.#random = seeded(seed);
  }

  /** Runs for so long; every 20 ms each keeper gets as many requests as are missing to its part of those in flight. */
  async run(lastsMs: number, inFlight: (keeper: Keeper, atMs: number) => number): Promise<void> {
    const { clock, all } = this.#keepers;
    const untilMs = clock.nowMs() + lastsMs;
    const refusedUntil = new Map<string, number>();
    while (clock.nowMs() < untilMs) {
      await this.#keepers.advance(20);
      this.#end(clock.nowMs());
      await Promise.all(
        all.map(async (keeper) => {
          const running = this.running.filter(({ entry }) => entry.keeper === keeper.name).length;
          // Who is refused comes back after a while; five at once are enough to see a race.
          if ((refusedUntil.get(keeper.name) ?? 0) > clock.nowMs()) return;
          const missing = Math.min(inFlight(keeper, clock.nowMs()) - running, 5);
          const decisions = await Promise.all(Array.from({ length: missing }, () => this.#ask(keeper)));
          if (decisions.includes(false)) refusedUntil.set(keeper.name, clock.nowMs() + 100);
        }),
      );
    }
  }

  async #ask(keeper: Keeper): Promise<boolean> {
    const { clock } = this.#keepers;
    const tokens = 50 + Math.floor(this.#random() * 100);
    const nanoUsd = 1000 + Math.floor(this.#random() * 1000);
    const lastsMs = 500 + Math.floor(this.#random() * 2000);
    this.asked += 1;
    const decision: Decision = await keeper.state.reserve(this.#key, {
      tokens,
      nanoUsd,
      period,
      expiresAtMs: clock.nowMs() + 600_000,
    });
    if (!decision.isAdmitted) return false;
    const atMs = clock.nowMs();
    const entry = { atMs, keeper: keeper.name, tokens };
    this.admitted.push(entry);
    this.running.push({ entry, hold: decision.hold, endsAtMs: atMs + lastsMs, nanoUsd });
    const { maxConcurrency, budget } = this.#key;
    assert.ok(this.running.length <= (maxConcurrency ?? Infinity), `${this.running.length} at the same time`);
    const held = this.running.reduce((sum, one) => sum + one.nanoUsd, 0);
    assert.ok(this.spent + held <= (budget?.amountNanoUsd ?? Infinity), `${this.spent} + ${held} of the budget`);
    return true;
  }

  #end(nowMs: number): void {
    for (const { endsAtMs, entry, hold, nanoUsd } of this.running) {
      if (endsAtMs > nowMs) continue;
      const spent = Math.floor(nanoUsd * (0.2 + 0.8 * this.#random()));
      this.spent += spent;
      hold.release();
      hold.settle({ countsAsRequest: true, tokens: entry.tokens, nanoUsd: spent });
    }
    this.running = this.running.filter(({ endsAtMs }) => endsAtMs > nowMs);
  }

  /** No minute anywhere holds more than the limit. */
  assertWithin(limit: number, amountOf: (entry: Entry) => number): void {
    let first = 0;
    let sum = 0;
    for (const entry of this.admitted) {
      sum += amountOf(entry);
      for (; (this.admitted[first]?.atMs ?? entry.atMs) <= entry.atMs - minuteMs; first += 1)
        sum -= amountOf(this.admitted[first] as Entry);
      assert.ok(sum <= limit, `${sum} of ${limit} within a minute`);
    }
  }

  between(fromMs: number, untilMs: number, amountOf: (entry: Entry) => number): number {
    return this.admitted
      .filter(({ atMs }) => atMs >= fromMs && atMs < untilMs)
      .reduce((sum, entry) => sum + amountOf(entry), 0);
  }
}

const one = (): number => 1;

/** Runs the suite; `open` gives so many keepers on one place that holds nothing yet, three where nothing is said. */
export function sharedLimitsContract(
  name: string,
  skip: string | false,
  open: (count?: number) => Promise<Keepers>,
): void {
  describe(`limits among several gateways: ${name}`, { skip }, () => {
    it('requests: never more than the limit in any minute, and at least 95 % of it, with 300 in flight', async () => {
      await using keepers = await open();
      const traffic = new Traffic(keepers, limitedKey({ rpm: 1500 }));
      const startMs = keepers.clock.nowMs();
      await traffic.run(3 * minuteMs, () => 100);
      traffic.assertWithin(1500, one);
      const used = traffic.between(startMs, startMs + 3 * minuteMs, one) / (3 * 1500);
      assert.ok(used >= 0.95, `${used} used`);
      const perSecond = keepers.all.reduce((sum, { connection }) => sum + connection.calls, 0) / 180;
      assert.ok(perSecond <= 3 * 8, `${perSecond} commands a second, while all are refused all the time`);
    });

    it('tokens: the same', async () => {
      await using keepers = await open();
      const traffic = new Traffic(keepers, limitedKey({ tpm: 150_000 }));
      const startMs = keepers.clock.nowMs();
      await traffic.run(2 * minuteMs, () => 100);
      traffic.assertWithin(150_000, ({ tokens }) => tokens);
      const used = traffic.between(startMs, startMs + 2 * minuteMs, ({ tokens }) => tokens) / (2 * 150_000);
      assert.ok(used >= 0.95, `${used} used`);
    });

    it('money: the budget is spent to the end and not overspent, and each knows what all have spent', async () => {
      await using keepers = await open();
      keepers.spentBefore = 100_000;
      const amount = 2_000_000;
      const key = limitedKey({ budget: amount });
      const traffic = new Traffic(keepers, key);
      traffic.spent = keepers.spentBefore;
      await traffic.run(minuteMs, () => 100);
      await traffic.run(10_000, () => 0);
      assert.ok(traffic.spent >= 0.95 * amount, `${traffic.spent} of ${amount}`);
      assert.ok(keepers.ledgerReads >= 1 && keepers.ledgerReads <= 3, `${keepers.ledgerReads} readings`);
      await keepers.advance(20_000);
      for (const { state } of keepers.all)
        assert.deepEqual(await state.money(key, period), { spentNanoUsd: traffic.spent, reservedNanoUsd: 0 });
    });

    it('places: never more at the same time, and hardly fewer', async () => {
      await using keepers = await open();
      const traffic = new Traffic(keepers, limitedKey({ maxConcurrency: 60 }));
      await traffic.run(10_000, () => 100);
      let least = Infinity;
      for (let i = 0; i < 100; i += 1) {
        await traffic.run(100, () => 100);
        least = Math.min(least, traffic.running.length);
      }
      assert.ok(least >= 50, `${least} of 60 places taken`);
    });

    it('the share goes where the demand is, and nobody is shut out', async () => {
      await using keepers = await open();
      const traffic = new Traffic(keepers, limitedKey({ rpm: 1500, maxConcurrency: 90 }));
      const [first, second] = keepers.all;
      await traffic.run(minuteMs, ({ name }) => (name === first?.name ? 100 : 0));
      const midMs = keepers.clock.nowMs();
      await traffic.run(2 * minuteMs, ({ name }) => (name === first?.name || name === second?.name ? 100 : 0));
      traffic.assertWithin(1500, one);
      const endMs = keepers.clock.nowMs();
      const late = (of: Keeper | undefined): number =>
        traffic.between(endMs - minuteMs, endMs, ({ keeper }) => Number(keeper === of?.name)) / 1500;
      assert.ok(traffic.between(midMs, endMs, one) >= 0.95 * 3000, `${traffic.between(midMs, endMs, one)} of 3000`);
      assert.ok(late(first) > 0.25 && late(second) > 0.25, `${late(first)} and ${late(second)}`);
    });

    it('what a killed gateway had comes back: places in 15 seconds, requests in 75, its money counts as spent while nobody knows better', async () => {
      await using keepers = await open(2);
      const key = limitedKey({ rpm: 100, maxConcurrency: 10, budget: 1_000_000 });
      const [dead, alive] = keepers.all as [Keeper, Keeper];
      const demand = (): Parameters<typeof alive.state.reserve>[1] => ({
        tokens: 1,
        nanoUsd: 50_000,
        period,
        expiresAtMs: keepers.clock.nowMs() + 600_000,
      });
      for (let i = 0; i < 10; i += 1) assert.ok((await dead.state.reserve(key, demand())).isAdmitted);
      dead.connection.close();
      const refused = await alive.state.reserve(key, demand());
      assert.ok(!refused.isAdmitted);
      assert.deepEqual(
        refused.obstacles.map(({ limit }) => limit),
        ['concurrency'],
      );
      await keepers.advance(15_000);
      assert.ok((await alive.state.reserve(key, { ...demand(), nanoUsd: 1000 })).isAdmitted);
      assert.ok(alive.state.standing(key.id).requests.used > 1);
      await keepers.advance(minuteMs);
      const { spentNanoUsd } = await alive.state.money(key, period);
      assert.ok(spentNanoUsd >= 500_000, String(spentNanoUsd));
      const all = await Promise.all(
        Array.from({ length: 9 }, async () => alive.state.reserve(key, { ...demand(), nanoUsd: 1000 })),
      );
      assert.ok(all.every(({ isAdmitted }) => isAdmitted));
    });

    it('the money of a killed gateway comes back to what the ledger says that it spent, once, however many find it', async () => {
      await using keepers = await open(3);
      const key = limitedKey({ budget: 1_000_000 });
      const [dead, one, other] = keepers.all as [Keeper, Keeper, Keeper];
      const reserve = (keeper: Keeper, nanoUsd: number): Promise<Decision> | Decision =>
        keeper.state.reserve(key, { tokens: 1, nanoUsd, period, expiresAtMs: Infinity });
      const first = await reserve(dead, 300_000);
      assert.ok(first.isAdmitted);
      first.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 100_000 });
      // What it spent is told with this question; what it holds, and what it spends now, nobody hears of.
      const second = await reserve(dead, 700_000);
      assert.ok(second.isAdmitted);
      second.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 50_000 });
      dead.connection.close();
      await keepers.advance(31_000);
      await reserve(one, 1000);
      await keepers.advance(10_000);
      // Its spool has not been found: what it held counts as spent.
      assert.ok((await one.state.money(key, period)).spentNanoUsd >= 800_000);
      const short = await reserve(other, 300_000);
      assert.ok(!short.isAdmitted);
      keepers.spentByGone.set(dead.name, 150_000);
      for (let i = 0; i < 4; i += 1) {
        await Promise.all([reserve(one, 1), reserve(other, 1)]);
        await keepers.advance(7000);
      }
      assert.equal((await one.state.money(key, period)).spentNanoUsd, 150_000);
      assert.ok((await reserve(other, 800_000)).isAdmitted);
    });

    it('what was spent is known after hours without a word', async () => {
      await using keepers = await open(1);
      const key = limitedKey({ budget: 1_000_000 });
      const [keeper] = keepers.all as [Keeper];
      const demand = { tokens: 1, nanoUsd: 400_000, period, expiresAtMs: Infinity };
      for (let i = 0; i < 2; i += 1) {
        const decision = await keeper.state.reserve(key, demand);
        assert.ok(decision.isAdmitted);
        decision.hold.release();
        decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 400_000 });
      }
      await keepers.advance(3 * 3_600_000);
      // Any other key has all of them looked through.
      await keeper.state.reserve(limitedKey({ id: 'key_other', rpm: 1 }), { ...demand, period: null });
      await keepers.advance(120_000);
      await keeper.state.reserve(limitedKey({ id: 'key_other', rpm: 1 }), { ...demand, period: null });
      assert.ok(!(await keeper.state.reserve(key, demand)).isAdmitted);
      assert.equal((await keeper.state.money(key, period)).spentNanoUsd, 800_000);
    });

    changedLimitsContract(open);

    it('a gateway that ends gives back all that it has in hand, and leaves nothing behind but what it spent', async () => {
      await using keepers = await open(2);
      const key = limitedKey({ budget: 1_000_000 });
      const [ending, staying] = keepers.all as [Keeper, Keeper];
      const reserve = async (keeper: Keeper): Promise<Decision> =>
        keeper.state.reserve(key, { tokens: 1, nanoUsd: 1000, period, expiresAtMs: Infinity });
      for (let i = 0; i < 5; i += 1) {
        const decision = await reserve(ending);
        assert.ok(decision.isAdmitted);
        decision.hold.release();
        decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 700 });
      }
      await reserve(staying);
      assert.ok((await staying.state.money(key, period)).reservedNanoUsd > 1000);
      await ending.state.close();
      await keepers.advance(40_000);
      await reserve(staying);
      await keepers.advance(10_000);
      assert.deepEqual(await staying.state.money(key, period), { spentNanoUsd: 3500, reservedNanoUsd: 2000 });
    });
  });
}
