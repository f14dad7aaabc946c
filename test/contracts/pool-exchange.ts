// What every exchange between the pools of several gateways must do.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PoolExchange } from '../../src/shared-state/pool-exchange.ts';
import { eventually } from '../support/await.ts';

/** Exchanges that meet in the same place. */
export interface ExchangeGround extends AsyncDisposable {
  /** The exchange of one more gateway. */
  open(): Promise<PoolExchange>;
  nowMs(): number;
}

/** Adds the tests. */
export function poolExchangeContract(name: string, skip: string | false, start: () => Promise<ExchangeGround>): void {
  describe(`the exchange between pools: ${name}`, { skip }, () => {
    it('what one tells all others hear, in its order, and nobody hears himself', async () => {
      await using ground = await start();
      const exchanges = [await ground.open(), await ground.open(), await ground.open()];
      const heard = exchanges.map(() => [] as string[]);
      const stops = exchanges.map((exchange, n) => exchange.onTold((text) => heard[n]?.push(text)));
      // Listening begins in its own time.
      await eventually('all hear', () => {
        exchanges[0]?.tell('?');
        exchanges[1]?.tell('?');
        return heard.every(({ length }) => length > 0);
      });
      for (const texts of heard) texts.length = 0;
      const texts = ['one', '{"two": 2}', 'three ✓ words', ''];
      for (const text of texts) exchanges[0]?.tell(text);
      const without = (all: readonly string[] = []): string[] => all.filter((text) => text !== '?');
      await eventually('they hear', () => without(heard[1]).length === 4 && without(heard[2]).length === 4);
      assert.deepEqual(heard.map(without), [[], texts, texts]);
      stops[2]?.();
      exchanges[0]?.tell('four');
      await eventually('one hears', () => heard[1]?.includes('four') === true);
      assert.ok(heard[2]?.includes('four') === false);
    });

    it('what is kept is read by whoever comes later, until its end, and is read once', async () => {
      await using ground = await start();
      const first = await ground.open();
      assert.deepEqual(await first.kept(), []);
      const hourMs = ground.nowMs() + 3_600_000;
      first.keep([
        { name: 'a account ', text: 'a, "1"', untilMs: hourMs },
        { name: 'b circuit gpt-4', text: 'b', untilMs: hourMs },
        { name: 'c account ', text: 'has ended', untilMs: ground.nowMs() - 1 },
      ]);
      const second = await ground.open();
      let found: readonly string[] = [];
      await eventually('it is kept', async () => {
        found = (await second.kept()) ?? found;
        return found.length === 2;
      });
      assert.deepEqual([...found].sort(), ['a, "1"', 'b']);
      assert.equal(await second.kept(), undefined, 'nothing has changed');
      first.keep([{ name: 'a account ', text: 'a 2', untilMs: hourMs }]);
      await eventually('the last word counts', async () => ((await second.kept()) ?? []).includes('a 2'));
      assert.deepEqual([...((await first.kept()) ?? [])].sort(), ['a 2', 'b']);
    });

    it('what is forgotten is kept no more, by the beginning of its name', async () => {
      await using ground = await start();
      const exchange = await ground.open();
      const untilMs = ground.nowMs() + 3_600_000;
      const names = ['a account ', 'a circuit gpt-4', 'ab account ', 'b quota_group_model x', 'b account '];
      exchange.keep(names.map((name) => ({ name, text: name, untilMs })));
      await eventually('it is kept', async () => (await exchange.kept())?.length === 5);
      exchange.forget(['a ', 'b quota_group_model ']);
      let left: readonly string[] | undefined;
      await eventually('it is forgotten', async () => (left ??= await exchange.kept()) !== undefined);
      assert.deepEqual([...(left ?? [])].sort(), ['ab account ', 'b account ']);
    });
  });
}
