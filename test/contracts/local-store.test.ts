// What a supervisor does for its workers in place of Redis: the very answers that Redis gives.
import assert from 'node:assert/strict';
import { after, before, describe, it, test } from 'node:test';
import fc from 'fast-check';
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { LocalStore } from '../../src/shared-state/local/local-store.ts';
import { buryScript } from '../../src/shared-state/redis/gone-money.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import {
  questionValues,
  readAnswer,
  shareScript,
  type ShareQuestion,
} from '../../src/shared-state/redis/share-script.ts';
import { FakeClock } from '../support/clock.ts';
import { patienceMs, startRedis, withoutRedis, type RedisServer } from '../support/redis.ts';

const amount = fc.integer({ min: 0, max: 40 });
const wish = fc.record({
  limit: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 100 })),
  used: amount,
  need: amount,
  least: amount,
  extra: amount,
  held: amount,
});
const age = fc.constantFrom(0, 1, 250, 750, 2500, 20_000);
const money = fc
  .tuple(
    wish,
    fc.record({ ownNanoUsd: amount, toldNanoUsd: amount }),
    fc.option(fc.record({ spentNanoUsd: amount, ownNanoUsd: amount, ageMs: age }), { nil: undefined }),
    fc.constantFrom(undefined, 1, 2, 3),
    fc.array(fc.record({ nanoUsd: amount, ageMs: age }), { maxLength: 3 }),
  )
  .map(([a, b, ledger, inForceSince, written]) => ({ ...a, ...b, ledger, inForceSince, written }));
interface Step extends ShareQuestion {
  readonly afterMs: number;
  readonly buried: { readonly gatewayId: string; readonly spentNanoUsd: number };
}

const gatewayIds = fc.constantFrom('gw_1', 'gw_2', 'gw_3');
const question: fc.Arbitrary<Step> = fc.record({
  gatewayId: gatewayIds,
  nowMs: fc.constant(undefined),
  afterMs: fc.constantFrom(0, 1, 500, 2000, 15_000, 30_000, 60_000, 75_000),
  gateways: fc.integer({ min: 1, max: 3 }),
  requests: wish,
  tokens: wish,
  places: wish,
  money: fc.option(money, { nil: undefined }),
  /** Who is said to be gone afterwards, and what it is said to have spent. */
  buried: fc.record({ gatewayId: gatewayIds, spentNanoUsd: amount }),
});

describe('the steps of a supervisor and of Redis', { skip: withoutRedis }, () => {
  let server: RedisServer;
  let connection: RedisConnection;
  before(async () => {
    server = await startRedis();
    const url = new RedisUrl(server.url);
    connection = await RedisConnection.open({ url, clock: systemClock, callMs: patienceMs, onTrouble: () => {} });
  });
  after(async () => {
    connection.close();
    await server[Symbol.asyncDispose]();
  });

  it('answer all questions alike, in any order', async () => {
    let cases = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(question, { maxLength: 20 }), async (questions) => {
        cases += 1;
        const store = new LocalStore(systemClock);
        let nowMs = 1_800_000_000_000;
        for (const one of questions) {
          nowMs += one.afterMs;
          const values = questionValues({ ...one, nowMs });
          const moneyKey = `{${cases}}:money`;
          const keys = [`{${cases}}:shares`, ...(one.money === undefined ? [] : [moneyKey])];
          const answer = store.run(shareScript.name, keys, values) as (number | string)[];
          const expected = (await connection.run(shareScript, keys, values)) as (number | string)[];
          // Redis names those who are gone in an order of its own.
          assert.deepEqual(answer.slice(0, 11), expected.slice(0, 11));
          assert.deepEqual(answer.slice(11).sort(), expected.slice(11).sort());
          const burial = [one.buried.gatewayId, String(nowMs), String(one.buried.spentNanoUsd)];
          const isBuried = await connection.run(buryScript, [moneyKey], burial);
          assert.equal(store.run(buryScript.name, [moneyKey], burial), isBuried);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('money that no worker has asked about for a day is forgotten by the supervisor: the ledger knows it', async () => {
  const clock = new FakeClock();
  const store = new LocalStore(clock);
  const wish = { limit: 100, used: 0, need: 0, least: 0, extra: 0, held: 0 };
  const ledger = { spentNanoUsd: 40, ownNanoUsd: 0, ageMs: 0 };
  /** Whether the supervisor knows what was spent with the key. */
  const isKnown = (keyId: string, told?: typeof ledger): boolean => {
    const money = { ...wish, ownNanoUsd: 0, toldNanoUsd: 0, ledger: told, inForceSince: 1, written: [] };
    const counts = { requests: wish, tokens: wish, places: wish };
    const values = questionValues({ gatewayId: 'gw_1', nowMs: undefined, gateways: 1, ...counts, money });
    const answer = store.run(shareScript.name, [`${keyId}:shares`, `${keyId}:money`], values);
    return readAnswer(answer).money !== null;
  };
  assert.ok(isKnown('used', ledger) && isKnown('unused', ledger));
  await clock.advance(80_000_000);
  assert.ok(isKnown('used'));
  await clock.advance(10_000_000);
  assert.ok(isKnown('used'));
  assert.ok(!isKnown('unused'));
});
