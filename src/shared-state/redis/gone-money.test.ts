// What a gateway that is gone has spent is looked for once at a time, and again after a pause where nobody knows it yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../../test/support/clock.ts';
import { GoneMoney } from './gone-money.ts';

test('however often it is heard of, the ledger is asked once, and again five seconds after it could not tell', async () => {
  const clock = new FakeClock();
  const answers: PromiseWithResolvers<number | undefined>[] = [];
  const buried: number[] = [];
  const gone = new GoneMoney({
    clock,
    history: {
      spentByGone() {
        const answer = Promise.withResolvers<number | undefined>();
        answers.push(answer);
        return answer.promise;
      },
    },
    bury: async (_keyId, _period, _gatewayId, spentNanoUsd) => buried.push(spentNanoUsd),
  });
  const hear = (): void => gone.hear('key', { startMs: 0, endMs: Infinity }, ['gateway']);
  for (let i = 0; i < 3; i += 1) hear();
  assert.equal(answers.length, 1);
  answers[0]?.resolve(undefined);
  await gone.quiet();
  hear();
  assert.equal(answers.length, 1, 'it was asked a moment ago');
  await clock.advance(5000);
  hear();
  assert.equal(answers.length, 2);
  answers[1]?.resolve(7);
  await gone.quiet();
  assert.deepEqual(buried, [7]);
});
